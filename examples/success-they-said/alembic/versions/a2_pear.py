"""pear"""

import sqlalchemy as sa
from alembic import op

revision = "a2"
down_revision = "a1"


def upgrade():
    op.create_table("pear", sa.Column("id", sa.Integer, primary_key=True))
