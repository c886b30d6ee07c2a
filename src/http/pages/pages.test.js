// Tests of what needs no browser: `node --test src/http/pages/`.

import assert from "node:assert/strict";
import { test } from "node:test";
import { playFigures, publishFigures } from "./figures.js";
import { backoff, EventParser, explain, farewell, findLink, iceServersOf, parseRetryAfter, Problem, tokenFor, withCredentials, withStereo } from "./signalling.js";

test("a token does not follow a redirect to another origin", () => {
  const endpoint = "https://a.example/whep/cam";
  assert.equal(tokenFor("https://a.example/session/s", endpoint, "secret"), "secret");
  for (const other of ["https://b.example/session/s", "http://a.example/session/s", "https://a.example:8443/session/s"]) {
    assert.equal(tokenFor(other, endpoint, "secret"), "", other);
  }
});

test("a refusal says whether waiting helps", () => {
  const rows = [
    [401, "play", "unauthorized", false],
    [403, "play", "forbidden", false],
    [404, "play", "waiting", true],
    [409, "play", "waiting", true],
    [404, "publish", "refused", false],
    [409, "publish", "conflict", true],
    [415, "play", "codec", false],
    [422, "publish", "codec", false],
    [429, "play", "busy", true],
    [503, "publish", "busy", true],
    [500, "play", "server", true],
    [400, "play", "refused", false],
    [418, "play", "refused", false],
  ];
  for (const [status, action, kind, retry] of rows) {
    const problem = new Problem(explain(status, action));
    assert.equal(problem.kind, kind, `${status} ${action}`);
    assert.equal(problem.retry, retry, `${status} ${action}`);
    assert.ok(problem.title, `${status} ${action}`);
  }
});

test("a restart changes every section's credentials and nothing else", () => {
  const sdp = "v=0\r\na=ice-ufrag:old\r\na=ice-pwd:oldold\r\na=mid:0\r\nm=video 9\r\na=ice-ufrag:old\r\na=ice-pwd:oldold\r\n";
  const fresh = withCredentials(sdp, "a=ice-lite\r\na=ice-ufrag:n$1w\r\na=ice-pwd:new/new+\r\na=candidate:1 1 udp 1 x 1\r\n");
  assert.equal(fresh, sdp.replaceAll(":oldold", ":new/new+").replaceAll(":old", ":n$1w").replaceAll("$$", "$"));
  assert.equal(withCredentials(sdp, "a=ice-lite\r\n"), sdp);
});

test("a farewell tells why, and asks for what can be done about it", () => {
  const rows = [
    ["access-expired", "play", "forbidden"],
    ["access-revoked", "publish", "forbidden"],
    ["limit-exceeded", "publish", "refused"],
    ["limit-exceeded", "play", "refused"],
    ["kicked", "play", "refused"],
    ["replaced", "publish", "refused"],
    ["stream-replaced", "play", null],
    ["stream-ended", "play", null],
    ["shutdown", "publish", null],
    [undefined, "play", null],
  ];
  for (const [reason, action, kind] of rows) {
    const problem = farewell({ reason, detail: "Your ticket is over." }, action);
    assert.equal(problem?.kind ?? null, kind, `${reason} ${action}`);
    if (problem) assert.equal(problem.detail, "Your ticket is over.", `${reason} ${action}`);
    if (problem) assert.equal(problem.retry, false, `${reason} ${action}`);
  }
  assert.equal(farewell(null, "play"), null);
});

test("Retry-After in seconds and as a date, held within bounds", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  const rows = [
    [null, null],
    ["", null],
    ["2", 2000],
    [" 7 ", 7000],
    ["0", 500],
    ["86400", 30_000],
    ["Thu, 01 Jan 2026 00:00:05 GMT", 5000],
    ["Wed, 31 Dec 2025 00:00:00 GMT", 500],
    ["soon", null],
    ["-3", 500],
  ];
  for (const [value, wait] of rows) assert.equal(parseRetryAfter(value, now), wait, String(value));
});

test("the waits double, are spread, and end at ten seconds", () => {
  assert.equal(backoff(0, 0.5), 500);
  assert.equal(backoff(3, 0.5), 4000);
  assert.equal(backoff(1000, 0.5), 10_000);
  assert.equal(backoff(0, 0), 400);
  assert.equal(backoff(1000, 1), 12_000);
});

test("links are found by relation, whatever stands around them", () => {
  const base = "https://media.example/whep/live/cam1";
  const events = "urn:ietf:params:whep:ext:core:server-sent-events";
  const rows = [
    [null, null],
    [`</session/1/events>; rel="${events}"`, "https://media.example/session/1/events"],
    [`</session/1/events>; rel="${events}"; events="active,inactive"`, "https://media.example/session/1/events"],
    // The draft's own example forgets a semicolon.
    [`</e>; rel="${events}" events="active,inactive"`, "https://media.example/e"],
    [`<turn:turn.example?transport=udp>; rel="ice-server"; username="a,b", </e>;rel=${events}`, "https://media.example/e"],
    [`</layers>; rel="urn:ietf:params:whep:ext:core:layer"`, null],
    [`<https://other.example/e>; rel="next ${events}"`, "https://other.example/e"],
    ["garbage <<<>>> ;;;", null],
  ];
  for (const [header, found] of rows) assert.equal(findLink(header, events, base), found, String(header));
});

test("STUN and TURN servers are taken from links, quotes and commas included", () => {
  const turn = '<turn:turn.example:3478?transport=udp>; rel="ice-server"; username="17:al,ice"; credential="p\\"w; \\\\"; credential-type="password"';
  const servers = iceServersOf(`</e>; rel="urn:x"; events="a,b", ${turn}, <stun:stun.example>; rel=ice-server, <turns:[::1]:443>;rel="other"`);
  assert.deepEqual(servers, [
    { urls: "turn:turn.example:3478?transport=udp", username: "17:al,ice", credential: 'p"w; \\' },
    { urls: "stun:stun.example" },
  ]);
  assert.deepEqual(iceServersOf(null), []);
});

test("events are cut out of a stream wherever it is broken", () => {
  const text = ': hello\n\nevent: viewercount\ndata: {"viewercount":3}\n\nevent:active\r\ndata:{}\r\n\r\ndata: a\ndata: b\n\nevent: none\n\n';
  const expected = [
    { event: "viewercount", data: '{"viewercount":3}' },
    { event: "active", data: "{}" },
    { event: "message", data: "a\nb" },
  ];
  for (let size = 1; size <= text.length; size += 1) {
    const parser = new EventParser();
    const events = [];
    for (let at = 0; at < text.length; at += size) events.push(...parser.push(text.slice(at, at + size)));
    assert.deepEqual(events, expected, `in pieces of ${size}`);
  }
});

test("Opus is offered in stereo, once", () => {
  const sdp = "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\n";
  const stereo = withStereo(sdp);
  assert.match(stereo, /^a=fmtp:111 minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1\r$/m);
  assert.equal(withStereo(stereo), stereo);
  assert.match(withStereo("a=rtpmap:96 opus/48000/2\r\n"), /^a=rtpmap:96 opus\/48000\/2\r\na=fmtp:96 stereo=1;sprop-stereo=1\r\n$/);
  assert.equal(withStereo("a=rtpmap:0 PCMU/8000\r\n"), "a=rtpmap:0 PCMU/8000\r\n");
});

const inbound = (seconds, more = {}) => [
  { id: "v", type: "inbound-rtp", kind: "video", codecId: "c", timestamp: seconds * 1000, bytesReceived: seconds * 125_000,
    packetsReceived: seconds * 100, packetsLost: seconds * 25, framesDecoded: seconds * 30, frameWidth: 1280, frameHeight: 720,
    jitter: 0.004, jitterBufferDelay: seconds * 0.6, jitterBufferEmittedCount: seconds * 30, totalDecodeTime: seconds * 0.09, ...more },
  { id: "c", type: "codec", mimeType: "video/H264" },
  { id: "t", type: "transport", selectedCandidatePairId: "p" },
  { id: "p", type: "candidate-pair", localCandidateId: "l", currentRoundTripTime: 0.02 },
  { id: "l", type: "local-candidate", protocol: "udp" },
];

test("rates are taken between two reports", () => {
  const first = playFigures(inbound(1), null);
  assert.equal(first.figures.bitrateKbps, null);
  const { figures } = playFigures(inbound(3), first.counters);
  assert.equal(figures.bitrateKbps, 1000);
  assert.equal(figures.fps, 30);
  assert.equal(figures.lossPercent, 20);
  assert.equal(figures.packetsLost, 75);
  assert.equal(figures.videoCodec, "H264");
  assert.equal(figures.transport, "UDP");
  assert.equal(figures.bufferMs.toFixed(3), "20.000");
  assert.equal(figures.decodeMs.toFixed(3), "3.000");
  assert.equal(figures.audioCodec, null);
});

test("latency says how it is known, and disbelieves clocks that disagree", () => {
  const { counters } = playFigures(inbound(1), null);
  const now = 1_800_000_000_000;
  const ntp = 2_208_988_800_000;
  const rows = [
    [{}, 42, "capture", 42],
    [{ estimatedPlayoutTimestamp: now + ntp - 80 }, null, "clock", 80],
    [{ estimatedPlayoutTimestamp: now + ntp + 5000 }, null, "estimate", 33],
    [{ estimatedPlayoutTimestamp: now + ntp - 60_000 }, -7, "estimate", 33],
    [{}, null, "estimate", 33],
  ];
  for (const [more, captureMs, by, ms] of rows) {
    const { figures } = playFigures(inbound(2, more), counters, { now, captureMs });
    assert.equal(figures.latencyBy, by);
    assert.equal(Math.round(figures.latencyMs), ms);
  }
});

test("a report without media gives nulls, not noughts", () => {
  const { figures } = playFigures([], null);
  for (const name of ["width", "fps", "bitrateKbps", "rttMs", "freezes", "latencyMs", "videoCodec"]) assert.equal(figures[name], null, name);
  assert.equal(publishFigures([], null).figures.limitedBy, null);
});

test("a publisher's figures come from its reports and from what the server told it", () => {
  const reports = (seconds) => [
    { id: "o", type: "outbound-rtp", kind: "video", timestamp: seconds * 1000, bytesSent: seconds * 250_000, framesEncoded: seconds * 25,
      pliCount: 3, firCount: 1, qualityLimitationReason: "bandwidth", targetBitrate: 2_100_000 },
    { id: "r", type: "remote-inbound-rtp", kind: "video", roundTripTime: 0.03, fractionLost: 0.01, packetsLost: 4 },
  ];
  const { counters } = publishFigures(reports(1), null);
  const { figures } = publishFigures(reports(2), counters);
  assert.equal(figures.bitrateKbps, 2000);
  assert.equal(figures.fps, 25);
  assert.equal(figures.keyFrameRequests, 4);
  assert.equal(figures.limitedBy, "bandwidth");
  assert.equal(figures.rttMs, 30);
  assert.equal(figures.lossPercent, 1);
});
