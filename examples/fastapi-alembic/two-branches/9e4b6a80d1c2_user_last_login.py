"""user last login

Revision ID: 9e4b6a80d1c2
Revises: cbe1d08d4020
Create Date: 2025-09-08 11:47:02.558214

"""
from typing import Sequence, Union

from alembic import op
import sqlalchemy as sa

revision: str = '9e4b6a80d1c2'
down_revision: Union[str, Sequence[str], None] = 'cbe1d08d4020'
branch_labels: Union[str, Sequence[str], None] = None
depends_on: Union[str, Sequence[str], None] = None


def upgrade() -> None:
    op.add_column('users', sa.Column('last_login_at', sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column('users', 'last_login_at')
