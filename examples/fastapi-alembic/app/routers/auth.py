"""Registration and login."""

import hashlib
import hmac
import logging
import secrets

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.database import Session
from app.models import User

logger = logging.getLogger(__name__)
router = APIRouter()


class Login(BaseModel):
    email: str
    password: str


class Registration(Login):
    full_name: str


def hashed(password: str, salt: str) -> str:
    return salt + "$" + hashlib.scrypt(password.encode(), salt=salt.encode(), n=2**14, r=8, p=1).hex()


@router.post("/register", status_code=201)
async def register(registration: Registration):
    password_hash = hashed(registration.password, secrets.token_hex(16))
    user = User(email=registration.email, full_name=registration.full_name, password_hash=password_hash)
    try:
        async with Session.begin() as session:
            session.add(user)
    except IntegrityError:
        raise HTTPException(409, "this address is taken")
    except Exception as error:
        logger.error("❌ User registration failed: %s", error)
        raise HTTPException(500, "registration failed")
    return {"id": user.id, "email": user.email}


@router.post("/login")
async def login(login: Login):
    try:
        async with Session() as session:
            user = await session.scalar(select(User).where(User.email == login.email))
    except Exception as error:
        logger.error("❌ Login failed: %s", error)
        raise HTTPException(500, "login failed")
    salt = user.password_hash.split("$")[0] if user else ""
    if not user or not hmac.compare_digest(hashed(login.password, salt), user.password_hash):
        raise HTTPException(401, "wrong address or password")
    return {"access_token": secrets.token_urlsafe(32), "token_type": "bearer"}
