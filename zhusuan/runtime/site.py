"""Whether Jittor's own site, from which it downloads oneDNN and CUDA, can be reached."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request

SITE = "https://cg.cs.tsinghua.edu.cn/jittor/assets/"


def answers(url: str, timeout: float = 5.0) -> bool:
    """Ask for the head of ``url``, through the proxies that the environment names, if any.

    :param url: the address of a file.
    :param timeout: seconds to wait for the connection.
    """
    # Jittor downloads without verifying certificates and checks an MD5 instead. This question has
    # to be asked the same way, or a company proxy would count as "no network" although Jittor's
    # own download works.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    request = urllib.request.Request(url, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=timeout, context=context):
            return True
    except (OSError, ValueError):  # HTTPError is an OSError; a malformed proxy, a ValueError
        return False
