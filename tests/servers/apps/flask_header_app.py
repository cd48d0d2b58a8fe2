"""Flask-JWT-Extended with tokens in headers, as its documentation has it: "Refreshing Tokens", "JWT Revoking".

Two apps of its pages in one, besides CORS for a page of another origin.
"""

import os
from datetime import timedelta
from typing import Any

from a2wsgi import WSGIMiddleware
from flask import Flask, jsonify, request
from flask_cors import CORS
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    create_refresh_token,
    get_jwt,
    get_jwt_identity,
    jwt_required,
)

flask = Flask(__name__)
flask.config["JWT_SECRET_KEY"] = "only-for-tests-and-long-enough-for-hs256"
flask.config["JWT_ACCESS_TOKEN_EXPIRES"] = timedelta(seconds=float(os.environ["LIFE"]))
flask.config["JWT_REFRESH_TOKEN_EXPIRES"] = timedelta(days=30)
CORS(flask, origins=[os.environ["PAGE"]])
jwt = JWTManager(flask)
revoked: set[str] = set()


@jwt.token_in_blocklist_loader
def is_revoked(header: dict[str, Any], payload: dict[str, Any]) -> bool:
    return payload["jti"] in revoked


@flask.post("/login")
def login() -> Any:
    username = request.json.get("username")
    if username != "ada" or request.json.get("password") != "lovelace":
        return jsonify({"msg": "Bad username or password"}), 401
    return jsonify(
        access_token=create_access_token(identity=username), refresh_token=create_refresh_token(identity=username)
    )


@flask.post("/refresh")
@jwt_required(refresh=True)
def refresh() -> Any:
    return jsonify(access_token=create_access_token(identity=get_jwt_identity()))


@flask.delete("/logout")
@jwt_required(verify_type=False)
def logout() -> Any:
    revoked.add(get_jwt()["jti"])
    return jsonify(msg="Token successfully revoked")


@flask.get("/protected")
@jwt_required()
def protected() -> Any:
    return jsonify(logged_in_as=get_jwt_identity())


app = WSGIMiddleware(flask)
