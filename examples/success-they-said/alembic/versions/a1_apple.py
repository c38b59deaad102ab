"""apple"""

import sqlalchemy as sa
from alembic import op

revision = "a1"
down_revision = None


def upgrade():
    op.create_table("apple", sa.Column("id", sa.Integer, primary_key=True))
