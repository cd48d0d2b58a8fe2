"""Flask-JWT-Extended with tokens in cookies, and its CSRF double submit: "JWT Locations", "Cookies".

A refresh needs the CSRF token of the refresh cookie, and so does any other method than GET that of the access cookie.
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
    get_jwt_identity,
    jwt_required,
    set_access_cookies,
    set_refresh_cookies,
    unset_jwt_cookies,
)

flask = Flask(__name__)
flask.config["JWT_SECRET_KEY"] = "only-for-tests-and-long-enough-for-hs256"
flask.config["JWT_TOKEN_LOCATION"] = ["cookies"]
flask.config["JWT_COOKIE_SECURE"] = False  # True where there is HTTPS
flask.config["JWT_ACCESS_TOKEN_EXPIRES"] = timedelta(seconds=float(os.environ["LIFE"]))
flask.config["JWT_REFRESH_TOKEN_EXPIRES"] = timedelta(days=30)
CORS(flask, origins=[os.environ["PAGE"]], supports_credentials=True)
jwt = JWTManager(flask)


@flask.post("/login")
def login() -> Any:
    username = request.json.get("username")
    if username != "ada" or request.json.get("password") != "lovelace":
        return jsonify({"msg": "Bad username or password"}), 401
    response = jsonify({"msg": "login successful"})
    set_access_cookies(response, create_access_token(identity=username))
    set_refresh_cookies(response, create_refresh_token(identity=username))
    return response


@flask.post("/refresh")
@jwt_required(refresh=True)
def refresh() -> Any:
    response = jsonify({"msg": "refresh successful"})
    set_access_cookies(response, create_access_token(identity=get_jwt_identity()))
    return response


@flask.post("/logout")
def logout() -> Any:
    response = jsonify({"msg": "logout successful"})
    unset_jwt_cookies(response)
    return response


@flask.route("/protected", methods=["GET", "POST"])
@jwt_required()
def protected() -> Any:
    return jsonify(logged_in_as=get_jwt_identity())


app = WSGIMiddleware(flask)
