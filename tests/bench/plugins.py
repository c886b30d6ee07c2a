"""What plugins cost: plugins.py WASMCAST GUESTS LOADGEN BENCH_PY. Prints a table; medians of ROUNDS (3).

WASMCAST: the release binary. GUESTS: folder with auth-jwt.wasm, observer-hostile.wasm and observer-webhook.wasm. LOADGEN: folder of whipgen and whepgen. Needs `cryptography`.
"""
import base64
import http.client
import http.server
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

WASMCAST, GUESTS, LOADGEN, BENCH = (str(pathlib.Path(argument).resolve()) for argument in sys.argv[1:5])
ROUNDS = int(os.environ.get("ROUNDS", "3"))
WORK = pathlib.Path(tempfile.mkdtemp(prefix="wasmcast-bench-"))
MUSEUM = pathlib.Path(__file__).parents[1] / "data/plugins/museum/0.1.0/auth-token.wasm"
HTTP, ADMIN, MEDIA = 18080, 18081, 18189
REQUESTS, RELOADS = 20_000, 40


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token_and_key():
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    claims = {"sub": "alice", "exp": int(time.time()) + 36_000, "wasmcast": {"play": ["**"], "publish": ["**"]}}
    text = b64(b'{"alg":"EdDSA","typ":"JWT"}') + "." + b64(json.dumps(claims).encode())
    return text + "." + b64(key.sign(text.encode())), {"kty": "OKP", "crv": "Ed25519", "x": b64(public)}


def folder(name, wasm, manifest):
    path = WORK / name
    path.mkdir()
    shutil.copy(wasm, path / f"{name}.wasm")
    (path / f"{name}.toml").write_text(manifest)
    return path


def environment(plugins=None):
    env = {"WASMCAST_HTTP__LISTEN": f"127.0.0.1:{HTTP}", "WASMCAST_ADMIN__LISTEN": f"127.0.0.1:{ADMIN}",
           "WASMCAST_MEDIA__LISTEN": f"127.0.0.1:{MEDIA}", "WASMCAST_LOG__LEVEL": "warn"}
    if plugins:
        env |= {"WASMCAST_PLUGINS__DIR": str(plugins), "WASMCAST_PLUGINS__STATE_DIR": str(WORK / "state")}
    return env


class Server:
    def __init__(self, plugins=None):
        self.process = subprocess.Popen([WASMCAST, "serve"], env={**os.environ, **environment(plugins)}, stderr=subprocess.DEVNULL)
        for _ in range(200):
            time.sleep(0.05)
            if subprocess.run([WASMCAST, "healthcheck", f"http://127.0.0.1:{HTTP}"], stderr=subprocess.DEVNULL).returncode == 0:
                return
        raise SystemExit("the server does not start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def request_cpu(plugins, token):
    """CPU time of the server for a WHEP request that is let in and finds no stream, in microseconds."""
    with Server(plugins) as server:
        connection = http.client.HTTPConnection("127.0.0.1", HTTP)
        headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {token}"}
        offer = (pathlib.Path(__file__).parents[1] / "data/sdp").glob("*whep*")
        body = sorted(offer)[0].read_bytes()

        def ask(count):
            for _ in range(count):
                connection.request("POST", "/whep/absent", body, headers)
                answer = connection.getresponse()
                answer.read()
                assert answer.status in (404, 409), answer.status

        ask(500)
        before = server.cpu()
        ask(REQUESTS)
        return (server.cpu() - before) / REQUESTS * 1e6


def bench_plugin(wasm, *options):
    lines = []
    for _ in range(ROUNDS):
        out = subprocess.run([WASMCAST, "bench", "plugin", str(wasm), *options], capture_output=True, text=True, check=True)
        lines.append(json.loads(out.stdout))
    return {key: statistics.median(line[key] for line in lines) for key in ("p50_us", "p99_us", "cpu_us")}


class Sink(http.server.BaseHTTPRequestHandler):
    """Takes batches of events."""
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def bench_observer(wasm, events):
    """What an observer takes, and what becomes of more than that; medians."""
    lines = []
    for _ in range(ROUNDS):
        out = subprocess.run([WASMCAST, "bench", "plugin", str(wasm), "--calls", str(events)], capture_output=True, text=True, check=True)
        lines.append(json.loads(out.stdout))
    return {key: statistics.median(line[key] for line in lines) for key in lines[0] if isinstance(lines[0][key], (int, float))}


def reloads(plugins, name):
    """Seconds from a written file to the generation that answers, each file compiled anew."""
    wasm = (plugins / f"{name}.wasm").read_bytes()
    took = []
    with Server(plugins):
        connection = http.client.HTTPConnection("127.0.0.1", ADMIN)

        def generation():
            connection.request("GET", f"/api/v1/plugins/{name}")
            return json.loads(connection.getresponse().read())["generation"]

        for number in range(RELOADS):
            before = generation()
            # A custom section makes another file of the same code.
            label = f"{number:08}{time.time_ns():020}".encode()
            section = bytes([len(b"bench") ]) + b"bench" + label
            fresh = plugins / f".{name}.new"
            fresh.write_bytes(wasm + b"\0" + bytes([len(section)]) + section)
            begun = time.monotonic()
            fresh.rename(plugins / f"{name}.wasm")
            while generation() == before:
                time.sleep(0.002)
            took.append(time.monotonic() - begun)
    return sorted(took)


def forwarding(token, plugins):
    """CPU seconds per delivered Gbit without plugins and with a plugin that let everyone in."""
    urls = {kind: f"http://127.0.0.1:{HTTP}/{kind}/x?token={token}" for kind in ("whip", "whep")}
    servers = {name: dict(cmd=[WASMCAST, "serve"], port=HTTP, env=environment(path), **urls)
               for name, path in (("without", None), ("with", plugins))}
    (WORK / "servers.json").write_text(json.dumps(servers))
    out = WORK / "forwarding.jsonl"
    env = {**os.environ, "SERVERS": str(WORK / "servers.json"), "LG": LOADGEN, "SECS": os.environ.get("SECS", "12"), "RAMP": "50"}
    subprocess.run([sys.executable, BENCH, str(out), str(ROUNDS), "200", "without", "with"], env=env, check=True, stdout=sys.stderr)
    cells = [json.loads(line) for line in out.read_text().splitlines()]
    return {name: statistics.median(cell["cpu_seconds_per_gbit"] for cell in cells if cell["peer"] == name) for name in servers}


token, key = token_and_key()
simple = folder("auth-token", MUSEUM, '[config]\ntoken = "secret"\n')
jwt = folder("auth-jwt", pathlib.Path(GUESTS) / "auth-jwt.wasm",
             '[grants]\nkv = {}\nhttp = [{ origin = "https://id.example" }]\n[config]\nkeys = [' +
             "{ " + ", ".join(f'{name} = "{value}"' for name, value in key.items()) + " }]\n")
rows = []
for name, wasm, options in (
    ("auth-token, warm", simple / "auth-token.wasm", ["--token", "secret"]),
    ("auth-token, a fresh instance a call", simple / "auth-token.wasm", ["--token", "secret", "--fresh", "--calls", "20000"]),
    ("auth-jwt (EdDSA), warm", jwt / "auth-jwt.wasm", ["--token", token, "--calls", "20000"]),
):
    figures = bench_plugin(wasm, *options)
    rows.append((name, f"p50 {figures['p50_us']:.1f}, p99 {figures['p99_us']:.1f}, CPU {figures['cpu_us']:.1f} µs a call"))
sink = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
threading.Thread(target=sink.serve_forever, daemon=True).start()
origin = f"http://127.0.0.1:{sink.server_port}"
LIMITS = "[limits]\ncpu-ms = 200\nwall-ms = 10000\nhostcall-kib = 4096\n"
counts = folder("observer-hostile", pathlib.Path(GUESTS) / "observer-hostile.wasm", LIMITS + "[grants]\nhttp = []\n")
sends = folder("observer-webhook", pathlib.Path(GUESTS) / "observer-webhook.wasm",
               LIMITS + f'[grants]\nhttp = [{{ origin = "{origin}", private = true }}]\n[config]\nurl = "{origin}/events"\n')
for name, path, events in (("an observer that counts", counts, 500_000), ("observer-webhook", sends, 100_000)):
    figures = bench_observer(path / f"{path.name}.wasm", events)
    rows.append((f"{name}, events of 400 bytes in batches of {figures['events_per_batch']:.0f}",
                 f"{figures['events_per_s']:,.0f} a second, CPU {figures['cpu_us']:.1f} µs an event; told {figures['flood_told_per_s']:,.0f} a second it "
                 f"took {figures['flood_taken_per_s']:,.0f}, the rest was dropped; telling one took p50 {figures['tell_p50_us']:.1f}, p99 {figures['tell_p99_us']:.1f} µs"))
without, with_plugin = [], []
for _ in range(ROUNDS):
    without.append(request_cpu(None, "secret"))
    with_plugin.append(request_cpu(simple, "secret"))
plain, asked = statistics.median(without), statistics.median(with_plugin)
rows.append(("an HTTP request that asks", f"CPU {plain:.1f} µs without, {asked:.1f} µs with: {asked - plain:+.1f} µs"))
took = reloads(simple, "auth-token")
rows.append(("file written to in service", f"p50 {took[len(took) // 2] * 1e3:.0f}, p95 {took[int(len(took) * 0.95)] * 1e3:.0f} ms ({RELOADS} times, compiled each time)"))
gbit = forwarding(token, jwt)
rows.append(("CPU-s per Gbit, 200 viewers", f"{gbit['without']:.3f} without, {gbit['with']:.3f} with auth-jwt: {(gbit['with'] / gbit['without'] - 1) * 100:+.1f} %"))
print(f"\n| plugins | medians of {ROUNDS} |\n| --- | --- |")
for name, text in rows:
    print(f"| {name} | {text} |")
shutil.rmtree(WORK, ignore_errors=True)
