"""ticket priority

Revision ID: 5d1f0c7a2b93
Revises: cbe1d08d4020
Create Date: 2025-09-08 10:03:44.120931

"""
from typing import Sequence, Union

from alembic import op
import sqlalchemy as sa

revision: str = '5d1f0c7a2b93'
down_revision: Union[str, Sequence[str], None] = 'cbe1d08d4020'
branch_labels: Union[str, Sequence[str], None] = None
depends_on: Union[str, Sequence[str], None] = None


def upgrade() -> None:
    op.add_column('tickets', sa.Column('priority', sa.SmallInteger(), server_default='3', nullable=False))


def downgrade() -> None:
    op.drop_column('tickets', 'priority')
