// Turns the reports of RTCPeerConnection.getStats() into the few figures that people read.
//
// Pure: fed a report and the counters of the time before, gives figures and the counters for the next time.
// A figure that the browser does not tell is null, never 0.

/** Seconds between the epochs of NTP (1900) and Unix (1970), in milliseconds. */
const NTP_EPOCH_MS = 2_208_988_800_000;

/**
 * What a viewer receives.
 *
 * @param {Iterable<object>} reports the values of an RTCStatsReport
 * @param {?object} before `counters` of the call before
 * @param {object} [clock] `now` in Unix milliseconds; `captureMs`, the age of the shown picture by its capture time
 * @returns {{figures: object, counters: object}}
 */
export function playFigures(reports, before, { now = Date.now(), captureMs = null } = {}) {
  const { byId, ofType } = index(reports);
  const inbound = ofType("inbound-rtp");
  const video = inbound.find((report) => report.kind === "video") ?? {};
  const audio = inbound.find((report) => report.kind === "audio") ?? {};
  const pair = selectedPair(byId, ofType);
  const counters = {
    at: video.timestamp ?? audio.timestamp ?? now,
    videoBytes: video.bytesReceived ?? 0,
    audioBytes: audio.bytesReceived ?? 0,
    received: sum(inbound, "packetsReceived"),
    lost: sum(inbound, "packetsLost"),
    frames: video.framesDecoded ?? 0,
    emitted: video.jitterBufferEmittedCount ?? audio.jitterBufferEmittedCount ?? 0,
    bufferSeconds: video.jitterBufferDelay ?? audio.jitterBufferDelay ?? 0,
    decodeSeconds: video.totalDecodeTime ?? 0,
  };
  const since = difference(counters, before);
  const bufferMs = ratio(since.bufferSeconds * 1000, since.emitted);
  const decodeMs = ratio(since.decodeSeconds * 1000, since.frames);
  const rttMs = milliseconds(pair?.currentRoundTripTime);
  const figures = {
    width: video.frameWidth ?? null,
    height: video.frameHeight ?? null,
    fps: video.framesPerSecond ?? ratio(since.frames, since.seconds),
    videoCodec: codecName(byId.get(video.codecId)),
    audioCodec: codecName(byId.get(audio.codecId)),
    bitrateKbps: ratio((since.videoBytes + since.audioBytes) * 0.008, since.seconds),
    packetsReceived: counters.received,
    packetsLost: counters.lost,
    lossPercent: ratio(100 * Math.max(since.lost, 0), Math.max(since.lost, 0) + since.received),
    retransmitted: optionalSum(inbound, "retransmittedPacketsReceived"),
    nacks: optionalSum(inbound, "nackCount"),
    plis: video.pliCount ?? null,
    rttMs,
    jitterMs: milliseconds(video.jitter ?? audio.jitter),
    bufferMs,
    decodeMs,
    framesDecoded: counters.frames,
    framesDropped: video.framesDropped ?? null,
    keyFrames: video.keyFramesDecoded ?? null,
    freezes: video.freezeCount ?? null,
    freezeMs: milliseconds(video.totalFreezesDuration),
    decoder: video.decoderImplementation ?? null,
    audioLevel: audio.audioLevel ?? null,
    audioSamples: audio.totalSamplesReceived ?? null,
    audioConcealed: audio.concealedSamples ?? null,
    transport: transportName(byId, pair),
    bytesReceived: counters.videoBytes + counters.audioBytes,
    ...latency({ captureMs, playout: video.estimatedPlayoutTimestamp, now, rttMs, bufferMs, decodeMs }),
  };
  return { figures, counters };
}

/** What a publisher sends; arguments as for playFigures. */
export function publishFigures(reports, before, { now = Date.now() } = {}) {
  const { byId, ofType } = index(reports);
  const outbound = ofType("outbound-rtp");
  const video = outbound.find((report) => report.kind === "video") ?? {};
  const audio = outbound.find((report) => report.kind === "audio") ?? {};
  const told = ofType("remote-inbound-rtp");
  const toldVideo = told.find((report) => report.kind === "video") ?? told[0] ?? {};
  const pair = selectedPair(byId, ofType);
  const counters = {
    at: video.timestamp ?? audio.timestamp ?? now,
    bytes: sum(outbound, "bytesSent"),
    frames: video.framesEncoded ?? 0,
    encodeSeconds: video.totalEncodeTime ?? 0,
  };
  const since = difference(counters, before);
  const figures = {
    width: video.frameWidth ?? null,
    height: video.frameHeight ?? null,
    fps: video.framesPerSecond ?? ratio(since.frames, since.seconds),
    videoCodec: codecName(byId.get(video.codecId)),
    audioCodec: codecName(byId.get(audio.codecId)),
    bitrateKbps: ratio(since.bytes * 0.008, since.seconds),
    targetKbps: video.targetBitrate == null ? null : video.targetBitrate / 1000,
    availableKbps: pair?.availableOutgoingBitrate == null ? null : pair.availableOutgoingBitrate / 1000,
    rttMs: milliseconds(toldVideo.roundTripTime ?? pair?.currentRoundTripTime),
    jitterMs: milliseconds(toldVideo.jitter),
    lossPercent: toldVideo.fractionLost == null ? null : toldVideo.fractionLost * 100,
    packetsSent: sum(outbound, "packetsSent"),
    packetsLost: told.length ? sum(told, "packetsLost") : null,
    retransmitted: optionalSum(outbound, "retransmittedPacketsSent"),
    framesEncoded: counters.frames,
    keyFrames: video.keyFramesEncoded ?? null,
    keyFrameRequests: optionalSum([video], "pliCount", "firCount"),
    encodeMs: ratio(since.encodeSeconds * 1000, since.frames),
    encoder: video.encoderImplementation ?? null,
    limitedBy: video.qualityLimitationReason ?? null,
    transport: transportName(byId, pair),
    bytesSent: counters.bytes,
  };
  return { figures, counters };
}

/**
 * How old the picture on the screen is, and how that is known. The best of what the browser tells:
 * "capture": the frame's capture time, carried from the publisher, against its display time;
 * "clock":   the playout time on the sender's clock against this device's clock, right where both keep time;
 * "estimate": half the round trip, the jitter buffer and decoding: the way from the server to the screen only.
 */
function latency({ captureMs, playout, now, rttMs, bufferMs, decodeMs }) {
  if (plausible(captureMs)) return { latencyMs: captureMs, latencyBy: "capture" };
  const byClock = playout ? now - (playout - NTP_EPOCH_MS) : null;
  if (plausible(byClock)) return { latencyMs: byClock, latencyBy: "clock" };
  if (bufferMs === null) return { latencyMs: null, latencyBy: null };
  return { latencyMs: (rttMs ?? 0) / 2 + bufferMs + (decodeMs ?? 0), latencyBy: "estimate" };
}

/** Clocks that disagree show as ages below zero or absurdly long. */
function plausible(age) {
  return age !== null && age > 0 && age < 30_000;
}

function index(reports) {
  const all = [...reports];
  return {
    byId: new Map(all.map((report) => [report.id, report])),
    ofType: (type) => all.filter((report) => report.type === type),
  };
}

function selectedPair(byId, ofType) {
  const transport = ofType("transport").find((report) => report.selectedCandidatePairId);
  return (
    byId.get(transport?.selectedCandidatePairId) ??
    ofType("candidate-pair").find((pair) => pair.nominated && pair.state === "succeeded")
  );
}

function transportName(byId, pair) {
  const local = byId.get(pair?.localCandidateId);
  return local ? (local.protocol ?? "").toUpperCase() || null : null;
}

function codecName(report) {
  return report?.mimeType?.split("/")[1] ?? null;
}

/** Growth of each counter since the call before; a counter that went back (a new session) counts from 0. */
function difference(counters, before) {
  const since = {};
  for (const [name, value] of Object.entries(counters)) {
    const base = before?.[name] ?? (name === "lost" ? value : 0);
    since[name] = value < base && name !== "lost" ? value : value - base;
  }
  since.seconds = before ? (counters.at - before.at) / 1000 : 0;
  return since;
}

function ratio(amount, per) {
  return per > 0 && Number.isFinite(amount) ? amount / per : null;
}

function milliseconds(seconds) {
  return seconds == null ? null : seconds * 1000;
}

function sum(reports, ...fields) {
  return optionalSum(reports, ...fields) ?? 0;
}

function optionalSum(reports, ...fields) {
  const values = reports.flatMap((report) => fields.map((field) => report[field])).filter((value) => value != null);
  return values.length ? values.reduce((total, value) => total + value, 0) : null;
}
