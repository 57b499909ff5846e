"""Hosts of the fake internet that are more than a greeting.

A site is a function of a Request that gives (status, content type, pieces of the body). What no site has, inet.py answers.
"""

import dataclasses

import model_server
import registry


@dataclasses.dataclass
class Request:
    host: str
    method: str
    path: str
    body: bytes


SITES = {registry.HOST: registry.answer, **model_server.SITES}


def find(host):
    return SITES.get(host.lower())
