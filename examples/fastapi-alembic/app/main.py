"""The service. It neither waits nor migrates: whoever starts it has seen to that."""

import logging

from fastapi import FastAPI, Response
from sqlalchemy import text

from app.database import engine
from app.routers import auth

logging.basicConfig(format="%(asctime)s - %(name)s - %(levelname)s - %(message)s", datefmt="%Y-%m-%d %H:%M:%S")
app = FastAPI()
app.include_router(auth.router, prefix="/api/v1/auth")


@app.get("/health")
async def health(response: Response):
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
        return {"status": "healthy", "database": "connected"}
    except Exception as error:  # noqa: BLE001: whatever it is, it is the answer
        response.status_code = 503
        return {"status": "unhealthy", "error": str(error)}
