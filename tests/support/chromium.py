"""Headless Chromium over its DevTools pipe: no driver, no socket, no package."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path

PROGRAM = next(
    filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None
)
KEYS = {'Enter': (13, '\r'), 'Escape': (27, ''), 'Tab': (9, ''), 'Space': (32, ' ')}


class Chromium:
    """A browser with one page, for ``with``.

    Attributes:
        events (list[dict]): Every event that it reported.
    """

    def __init__(self, profile: Path, width: int = 1280, height: int = 900, dark: bool = False):
        self.events, self._count, self._rest = [], 0, b''
        reads, self._write = os.pipe()
        self._read, writes = os.pipe()

        def pipes():  # the browser reads file 3 and writes file 4, which may be in use here
            low, high = (
                fcntl.fcntl(reads, fcntl.F_DUPFD, 10),
                fcntl.fcntl(writes, fcntl.F_DUPFD, 10),
            )
            os.dup2(low, 3)
            os.dup2(high, 4)

        options = '--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run'
        self._process = subprocess.Popen(
            [PROGRAM, *options.split(), '--remote-debugging-pipe', f'--user-data-dir={profile}'],
            preexec_fn=pipes,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(reads)
        os.close(writes)
        self._session = None
        target = self.call('Target.createTarget', url='about:blank')['targetId']
        self._session = self.call('Target.attachToTarget', targetId=target, flatten=True)[
            'sessionId'
        ]
        for domain in ('Page', 'Runtime', 'Network', 'Log'):
            self.call(f'{domain}.enable')
        self.resize(width, height)
        self.media(dark=dark)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        os.close(self._write)
        os.close(self._read)

    def call(self, method: str, **params) -> dict:
        """A command of the DevTools protocol, and its result."""
        self._count += 1
        message = {'id': self._count, 'method': method, 'params': params}
        if self._session:
            message['sessionId'] = self._session
        os.write(self._write, json.dumps(message).encode() + b'\0')
        while True:
            answer = self._receive(method)
            if answer.get('id') == self._count:
                assert 'error' not in answer, f'{method}: {answer["error"]}'
                return answer['result']
            self.events.append(answer)

    def _receive(self, method: str, seconds: float = 60) -> dict:
        end = time.monotonic() + seconds
        while b'\0' not in self._rest:
            ready, _, _ = select.select([self._read], [], [], max(0, end - time.monotonic()))
            assert ready, f'no answer to {method} in {seconds} s'
            chunk = os.read(self._read, 1 << 20)
            assert chunk, f'the browser ended at {method}'
            self._rest += chunk
        message, self._rest = self._rest.split(b'\0', 1)
        return json.loads(message)

    def open(self, path: Path, fragment: str = '') -> None:
        """Load a file and wait until its scripts have run."""
        self.call('Page.navigate', url='about:blank')  # another fragment alone loads nothing
        self.call('Page.navigate', url=path.resolve().as_uri() + fragment)
        end = time.monotonic() + 60
        while not self.js('document.readyState === "complete" && location.protocol === "file:"'):
            assert time.monotonic() < end, f'{path} does not load'
            time.sleep(0.05)

    def js(self, expression: str):
        """The value of an expression, a promise awaited."""
        result = self.call(
            'Runtime.evaluate',
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
            userGesture=True,
        )
        assert 'exceptionDetails' not in result, result['exceptionDetails']
        return result['result'].get('value')

    def press(self, key: str) -> None:
        """A key of the keyboard, by name or as a letter."""
        code, text = KEYS.get(key, (0, key))
        name = ' ' if key == 'Space' else key
        for kind in ('keyDown', 'keyUp'):
            self.call(
                'Input.dispatchKeyEvent',
                type=kind,
                key=name,
                windowsVirtualKeyCode=code,
                **({'text': text} if text and kind == 'keyDown' else {}),
            )

    def resize(self, width: int, height: int) -> None:
        """The size of the window in CSS pixels; a narrow one is a phone."""
        self.call(
            'Emulation.setDeviceMetricsOverride',
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def media(self, dark: bool = False, kind: str = '') -> None:
        """Light or dark, screen or print."""
        features = [{'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}]
        self.call('Emulation.setEmulatedMedia', media=kind, features=features)

    def screenshot(self, path: Path, whole: bool = False) -> None:
        """A PNG of what is seen, or of the whole page."""
        result = self.call('Page.captureScreenshot', captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(result['data']))

    def pdf(self, path: Path) -> None:
        """The page as it prints."""
        result = self.call('Page.printToPDF', preferCSSPageSize=True)
        path.write_bytes(base64.b64decode(result['data']))

    def problems(self) -> list:
        """Script errors, console messages, and requests for anything but files and data."""
        found = [e for e in self.events if e['method'] == 'Runtime.exceptionThrown']
        found += [
            e for e in self.events if e['method'] in ('Runtime.consoleAPICalled', 'Log.entryAdded')
        ]
        requests = [e for e in self.events if e['method'] == 'Network.requestWillBeSent']
        urls = [event['params']['request']['url'] for event in requests]
        return found + [url for url in urls if not url.startswith(('file:', 'data:'))]
