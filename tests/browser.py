"""A headless browser that tests drive by the DevTools protocol over pipes: no driver and no package is needed."""

import base64
import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
import time

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

_SECONDS = 120


def find_browser():
    """The program of a browser of the Chromium family, or `None`."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def needs_browser(test):
    """Marks a test that is skipped where there is no browser."""
    skip = pytest.mark.skipif(find_browser() is None, reason=f"no browser: none of {', '.join(BROWSERS)} is there")
    return pytest.mark.browser(skip(test))


@contextlib.contextmanager
def browser(profile):
    """A `Tab` of a new headless browser with an empty profile in the folder `profile`."""
    read_commands, write_commands = os.pipe()
    read_answers, write_answers = os.pipe()
    # Chromium takes commands from descriptor 3 and answers on 4.
    start = (
        f"import os, sys; os.dup2({read_commands}, 3); os.dup2({write_answers}, 4); os.execv(sys.argv[1], sys.argv[1:])"
    )
    options = [
        "--headless",
        "--remote-debugging-pipe",
        f"--user-data-dir={profile}",
        "--disable-gpu",
        "--disable-dev-shm-usage",
    ]
    if os.geteuid() == 0:  # as in a container, where Chromium refuses to run with its sandbox
        options.append("--no-sandbox")
    process = subprocess.Popen(
        [sys.executable, "-c", start, find_browser(), *options, "about:blank"],
        pass_fds=(read_commands, write_answers),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(read_commands)
    os.close(write_answers)
    watch = threading.Timer(_SECONDS, process.kill)  # a browser that hangs fails the test
    watch.start()
    with open(write_commands, "wb", buffering=0) as commands, open(read_answers, "rb", buffering=0) as answers:
        try:
            yield Tab(commands, answers)
        finally:
            watch.cancel()
            process.kill()
            process.wait()


class Tab:
    """A tab of the browser.

    Attributes:
        events: `(name, parameters)` of what happened in it: requests, messages of the console, errors.
    """

    def __init__(self, commands, answers):
        self._commands, self._answers = commands, answers
        self._numbers = itertools.count(1)
        self._session, self._received = None, b""
        self.events = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self._call(f"{domain}.enable")

    def open(self, address, width, dark=False):
        """Opens a page in a window so many pixels wide, of a phone if it is narrow."""
        self.events.clear()
        phone = width < 600
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])
        self._call("Page.navigate", url=address)
        while "Page.loadEventFired" not in [name for name, _ in self.events]:
            self._receive()

    def evaluate(self, expression):
        """The value of a JavaScript expression in the page; the page's policy holds for its own scripts only."""
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for(self, expression):
        """Waits until a JavaScript expression is true; a test that waits in vain ends with the browser."""
        while not self.evaluate(expression):
            time.sleep(0.05)

    def choose_file(self, selector, path):
        """Puts a file into the input that a CSS selector finds."""
        root = self._call("DOM.getDocument")["root"]["nodeId"]
        node = self._call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self._call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def requests(self):
        """Addresses of all requests since the page was opened."""
        return [parameters["request"]["url"] for name, parameters in self.events if name == "Network.requestWillBeSent"]

    def press(self, key):
        """Presses and releases a key, such as `"Tab"`."""
        for kind in ("keyDown", "keyUp"):
            self._call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode={"Tab": 9}[key])

    def picture(self):
        """The whole page as a PNG."""
        answer = self._call("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(answer["data"])

    def _call(self, method, **parameters):
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        self._commands.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def _receive(self):
        """The next message, kept if it is an event."""
        while b"\0" not in self._received:
            part = self._answers.read(1 << 16)
            assert part, "the browser ended"
            self._received += part
        message, _, self._received = self._received.partition(b"\0")
        message = json.loads(message)
        if "method" in message:
            self.events.append((message["method"], message["params"]))
        return message
