"""Publishers and viewers come and go, some without a word, and the plugin that lets them in is written anew every few seconds:
soak.py WASMCAST SECONDS. Prints a line a minute and a verdict: memory, descriptors and threads of the server must be at the end
what they were after a first round. Ends badly when they are not, or when something did not work on the way."""

import itertools
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

WASMCAST, SECONDS = str(pathlib.Path(sys.argv[1]).resolve()), float(sys.argv[2])
PLUGIN = pathlib.Path(__file__).parents[1] / "data/plugins/auth-token.wasm"
TOKEN = "soak"
MANIFEST = f'[config]\ntoken = "{TOKEN}"\nttl_ms = 3000\n'
WARM_UP = min(90.0, max(20.0, SECONDS / 5))
# After the last peer has gone: lost sessions are given up after 30 s.
REST = 60.0
REWRITE = 3.0
# What the allocator keeps differs from one look to the next.
MEMORY = (1.10, 6 << 10)
FILES, THREADS = 4, 2


class Server:
    def __init__(self, work):
        self.plugins = work / "plugins"
        self.plugins.mkdir()
        (self.plugins / "auth-token.toml").write_text(MANIFEST)
        self.rewrite()
        (work / "wasmcast.toml").write_text('access.publish = "denied"\naccess.play = "denied"\ningest.resume = "2s"\n')
        listen = {f"WASMCAST_{name}__LISTEN": "127.0.0.1:0" for name in ("HTTP", "MEDIA", "ADMIN")}
        plugins = {"WASMCAST_PLUGINS__DIR": str(self.plugins), "WASMCAST_PLUGINS__STATE_DIR": str(work / "state")}
        command = [WASMCAST, "serve", "--demo", "-c", str(work / "wasmcast.toml")]
        self.log = open(work / "log", "w+")
        environment = {**os.environ, **listen, **plugins, "WASMCAST_RTMP__LISTEN": "off", "WASMCAST_LOG__FORMAT": "json"}
        self.process = subprocess.Popen(command, env=environment, stdout=self.log, stderr=self.log)
        self.http, self.admin = self.listener("http"), self.listener("admin")
        while not any(stream["state"] == "live" for stream in self.api("streams")["streams"]):
            time.sleep(0.1)

    def listener(self, name):
        for _ in range(200):
            for line in pathlib.Path(self.log.name).read_text().splitlines():
                event = json.loads(line) if line.startswith("{") else {}
                event = event.get("fields", event)
                if event.get("message") == "listening" and event.get("listener") == name:
                    return event["address"]
            time.sleep(0.1)
        raise SystemExit(f"soak: the server does not listen; its log is in {self.log.name}")

    def rewrite(self, number=0):
        # A custom section makes another file of the same code.
        label = b"soak" + f"{number:08}{time.time_ns():020}".encode()
        section = bytes([4]) + label
        fresh = self.plugins / ".fresh"
        fresh.write_bytes(PLUGIN.read_bytes() + b"\0" + bytes([len(section)]) + section)
        fresh.rename(self.plugins / "auth-token.wasm")

    def api(self, path):
        with urllib.request.urlopen(f"http://{self.admin}/api/v1/{path}", timeout=20) as response:
            return json.load(response)

    def size(self):
        """Memory in KiB, descriptors, threads."""
        proc = pathlib.Path(f"/proc/{self.process.pid}")
        status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
        return int(status["VmRSS"].split()[0]), len(list((proc / "fd").iterdir())), len(list((proc / "task").iterdir()))


class Load:
    """All that comes and goes, until it is told to end."""

    def __init__(self, server):
        self.server, self.ending = server, threading.Event()
        self.lock, self.counts, self.troubles = threading.Lock(), {}, []
        jobs = [self.publishers, self.publishers, self.players, self.players, self.viewers, self.crowds, self.plugins]
        self.threads = [threading.Thread(target=self.keep, args=(job, random.Random(n))) for n, job in enumerate(jobs)]
        for thread in self.threads:
            thread.start()

    def keep(self, job, chance):
        for number in itertools.count():
            if self.ending.is_set():
                return
            try:
                job(number, chance)
            except Exception as error:  # noqa: BLE001: told at the end, whatever it is
                self.trouble(f"{job.__name__}: {error!r}")
                self.ending.wait(1)

    def count(self, what, by=1):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + by

    def trouble(self, words):
        with self.lock:
            self.troubles.append(words)

    def run(self, arguments, seconds=None, how=signal.SIGTERM):
        """Runs a command of ours, for so long or to its end; returns its last line."""
        process = subprocess.Popen([WASMCAST, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if seconds is not None:
            self.ending.wait(seconds)
            process.send_signal(how)
        out, error = process.communicate(timeout=120)
        if process.returncode not in (0, -how) and not self.ending.is_set():
            raise RuntimeError(f"{' '.join(arguments[:3])} ended with {process.returncode}: {error.strip()[-300:]}")
        return json.loads(out.splitlines()[-1]) if out.strip() else {}

    def url(self, path):
        return f"http://{self.server.http}{path}"

    def publishers(self, number, chance):
        name = chance.choice("abcdefgh") + str(chance.randrange(1000))
        options = ["--size", "320x180", "--bitrate", "300", "--token", TOKEN]
        how = signal.SIGKILL if chance.random() < 0.3 else signal.SIGTERM
        self.run(["publish", "testsrc", self.url(f"/whip/{name}"), *options], chance.uniform(3, 12), how)
        self.count("publishers")

    def players(self, number, chance):
        live = [stream["name"] for stream in self.server.api("streams")["streams"] if stream["state"] == "live"]
        how = signal.SIGKILL if chance.random() < 0.3 else signal.SIGTERM
        # Its publisher may have gone by then.
        name = chance.choice(live) if chance.random() < 0.3 else "demo"
        try:
            self.run(["play", self.url(f"/whep/{name}"), "--token", TOKEN], chance.uniform(1, 6), how)
        except RuntimeError:
            if name == "demo":
                raise
        self.count("viewers")

    def viewers(self, number, chance):
        count = chance.randrange(10, 40)
        window = ["--viewers", str(count), "--ramp", "40", "--duration", "0.5", "--settle", "0.1", "--sample", "2"]
        seen = self.run(["bench", "whep", self.url("/whep/demo"), "--token", TOKEN, *window])
        self.count("viewers", seen["sessions_ok"])
        if seen["sessions_ok"] < count and not self.ending.is_set():
            self.trouble(f"{seen['sessions_ok']} of {count} viewers came in")

    def crowds(self, number, chance):
        count = chance.randrange(2, 6)
        window = ["--publishers", str(count), "--ramp", "10", "--duration", "1", "--settle", "0.1", "--bitrate", "200"]
        name = f"crowd{number}"
        seen = self.run(["bench", "whip", self.url(f"/whip/{name}/{{i}}"), "--token", TOKEN, *window])
        self.count("publishers", seen["publishers_ok"])

    def plugins(self, number, chance):
        before = self.server.api("plugins/auth-token")["generation"]
        self.server.rewrite(number)
        self.ending.wait(REWRITE)
        if self.server.api("plugins/auth-token")["generation"] > before:
            self.count("reloads")
        else:
            # A busy machine may take longer for one.
            self.count("late reloads")

    def end(self):
        self.ending.set()
        for thread in self.threads:
            thread.join()
        end = time.monotonic() + REST
        while time.monotonic() < end and self.server.api("sessions?limit=1")["total"] > 0:
            time.sleep(0.5)
        # Caches of the last second, and what the runtime gives back late.
        time.sleep(5)
        return self.server.size()


def words(size):
    return f"{size[0] / 1024:.1f} MiB, {size[1]} descriptors, {size[2]} threads"


def say(text):
    print(f"soak: {text}", flush=True)


def work_for(server, seconds):
    load, start = Load(server), time.monotonic()
    minute = 1
    while time.monotonic() < start + seconds:
        time.sleep(min(1.0, max(0.0, start + seconds - time.monotonic())))
        if server.process.poll() is not None:
            load.ending.set()
            raise SystemExit(f"soak: the server ended with {server.process.returncode}; its log is in {server.log.name}")
        if time.monotonic() >= start + 60 * minute:
            last = f"; the last: {load.troubles[-1]}" if load.troubles else ""
            say(f"{minute} min: {words(server.size())}; {load.counts}, {len(load.troubles)} troubles{last}")
            minute += 1
    return load, load.end()


def main():
    work = pathlib.Path(tempfile.mkdtemp(prefix="wasmcast-soak-"))
    server = Server(work)
    try:
        say(f"{WARM_UP:.0f} s to warm up, then {SECONDS:.0f} s")
        first, before = work_for(server, WARM_UP)
        say(f"before: {words(before)}")
        load, after = work_for(server, SECONDS)
        sessions = server.api("sessions?limit=1")["total"]
        server.process.terminate()
        server.process.wait(30)
        panics = [line for line in pathlib.Path(server.log.name).read_text().splitlines() if "panick" in line]
    finally:
        server.process.kill()
    say(f"after: {words(after)}; {load.counts}")
    bounds = (int(before[0] * MEMORY[0]) + MEMORY[1], before[1] + FILES, before[2] + THREADS)
    wrong = [f"{name} grew from {b} to {a}, more than to {bound}"
             for name, b, a, bound in zip(("memory in KiB", "descriptors", "threads"), before, after, bounds) if a > bound]
    wrong += [f"{sessions} sessions are left"] if sessions else []
    wrong += panics + first.troubles + load.troubles
    if not load.counts.get("reloads") or not load.counts.get("viewers") or not load.counts.get("publishers"):
        wrong.append(f"nothing happened: {load.counts}")
    for line in wrong[:20]:
        say(f"WRONG: {line}")
    say(f"the log is in {server.log.name}" if wrong else "well: nothing grew")
    if not wrong:
        shutil.rmtree(work, ignore_errors=True)
    sys.exit(1 if wrong else 0)


main()
