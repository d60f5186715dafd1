"""Hosts on this machine, each with a network of its own, which a relay joins that holds every packet back.

Linux lets a thread leave for an empty network, in which whatever it opens or starts then is. A TUN device
there hands the packets to the relay, a thread of this process. Nothing has a name that could be left behind:
the networks end with the threads, sockets and processes that are in them. It takes root, and Linux.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import selectors
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

DEVICE = "tun0"
PACKET = 65536  # bytes, at most
CLONE_NEWNET, TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x40000000, 0x400454CA, 1, 0x1000
SIOCSIFADDR, SIOCSIFNETMASK, SIOCSIFFLAGS, IFF_UP = 0x8916, 0x891C, 0x8914, 1


class Host:
    """A host, by its number.

    Attributes:
        address: where the others reach it.
        tun: the file of its device, whose packets the relay reads and writes.

    Raises:
        OSError: the system does not permit it.
    """

    def __init__(self, number: int) -> None:
        self.address = f"10.0.0.{number}"
        self._thread = ThreadPoolExecutor(1)
        try:
            self.tun = self.call(self._enter)
        except BaseException:
            self._thread.shutdown()
            raise

    def call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """What the function returns on this host, where the sockets and processes stay that it makes."""
        return self._thread.submit(function, *args, **options).result()

    def _enter(self) -> int:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "a network of its own is not permitted")
        tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        try:
            fcntl.ioctl(tun, TUNSETIFF, _request(DEVICE, struct.pack("h", IFF_TUN | IFF_NO_PI)))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
                fcntl.ioctl(control, SIOCSIFADDR, _request(DEVICE, _address(self.address)))
                fcntl.ioctl(control, SIOCSIFNETMASK, _request(DEVICE, _address("255.255.255.0")))
                for device in (DEVICE, "lo"):
                    fcntl.ioctl(control, SIOCSIFFLAGS, _request(device, struct.pack("h", IFF_UP)))
        except BaseException:
            os.close(tun)
            raise
        return tun

    def close(self) -> None:
        os.close(self.tun)
        self._thread.shutdown()


def _request(device: str, value: bytes) -> bytes:
    """The structure ``ifreq`` of <net/if.h>."""
    return struct.pack("16s24s", device.encode(), value)


def _address(text: str) -> bytes:
    """The structure ``sockaddr_in``, of no port."""
    return struct.pack("HH4s", socket.AF_INET, 0, socket.inet_aton(text))


@contextmanager
def joined(size: int, delay: float) -> Iterator[list[Host]]:
    """So many hosts, which have a packet from each other so many seconds after it was sent.

    Raises:
        OSError: the system does not permit it.
    """
    with ExitStack() as around:
        hosts = []
        for number in range(1, size + 1):
            hosts.append(Host(number))
            around.callback(hosts[-1].close)
        ended = threading.Event()
        relay = threading.Thread(target=_relay, args=(hosts, delay, ended))
        relay.start()
        around.callback(relay.join)
        around.callback(ended.set)
        yield hosts


def variables(hosts: Sequence[Host], rank: int) -> dict[str, str]:
    """What torch's processes, one on each host, have to know to meet."""
    return {
        "RANK": str(rank),
        "WORLD_SIZE": str(len(hosts)),
        "MASTER_ADDR": hosts[0].address,
        "MASTER_PORT": "29500",
        "GLOO_SOCKET_IFNAME": DEVICE,
    }


def _relay(hosts: list[Host], delay: float, ended: threading.Event) -> None:
    """Carry packets by the address in them, in the order in which they come."""
    devices = {socket.inet_aton(host.address): host.tun for host in hosts}
    held: deque[tuple[float, int, bytes]] = deque()
    with selectors.SelectSelector() as ready:  # which waits for less than a millisecond, too
        for device in devices.values():
            ready.register(device, selectors.EVENT_READ)
        while not ended.is_set():
            wait = held[0][0] - time.monotonic() if held else 0.1
            for key, _ in ready.select(max(0.0, wait)):
                packet = os.read(key.fd, PACKET)
                receiver = devices.get(packet[16:20])  # of version 4 of the protocol; others go nowhere
                if receiver is not None:
                    held.append((time.monotonic() + delay, receiver, packet))
            while held and held[0][0] <= time.monotonic():
                _, receiver, packet = held.popleft()
                os.write(receiver, packet)


def round_trip(server: Host, client: Host) -> float:
    """The seconds until a connection stands, for which a packet goes there and one comes back."""
    with server.call(socket.create_server, (server.address, 0)) as listening:
        start = time.perf_counter()
        with client.call(socket.create_connection, listening.getsockname()):
            return time.perf_counter() - start
