"""`network` of a board whose access point, or cable, answers at the third look."""

from machine import note


class _Interface:
    looks_until_up = 2

    def __init__(self):
        self._is_active = False
        self._looks = None

    def active(self, is_active=None):
        if is_active is None:
            return self._is_active
        self._is_active = is_active

    def isconnected(self):
        if self._looks is None:
            return False
        self._looks += 1
        return self._looks > self.looks_until_up


class WLAN(_Interface):
    IF_STA = 0

    def __init__(self, interface):
        super().__init__()
        note("wlan", interface)

    def connect(self, ssid, key):
        note("connect", ssid, len(key))
        self._looks = 0

    def disconnect(self):
        note("disconnect")


class LAN(_Interface):
    def __init__(self):
        super().__init__()
        self._looks = 0
        note("lan")
