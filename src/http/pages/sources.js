// Where a publisher's picture and sound come from: camera, screen, or a drawn test picture with tones.
//
// Each function resolves to a MediaStream, or throws a Problem that says in words why it could not.

import { Problem } from "./signalling.js";

/**
 * @typedef {object} Wish what to ask for; devices give the nearest they can
 * @property {number} width
 * @property {number} height
 * @property {number} fps
 * @property {string|false} [camera]     device id; "" takes the default
 * @property {string|false} [microphone] device id; "" takes the default, false no sound
 * @property {boolean} [voice]           echo cancellation and noise suppression: good for speech, bad for music
 */

/** Whether this page may ask for camera and screen at all: browsers hide both from plain http. */
export function devicesAllowed() {
  return Boolean(navigator.mediaDevices?.getUserMedia);
}

export function screenAllowed() {
  return Boolean(navigator.mediaDevices?.getDisplayMedia);
}

/** @param {Wish} wish */
export async function openCamera({ width, height, fps, camera = "", microphone = "", voice = true }) {
  if (!devicesAllowed()) throw insecure("camera and microphone");
  const audio = microphone === false ? false : sound(microphone, voice);
  const video = {
    width: { ideal: width },
    height: { ideal: height },
    frameRate: { ideal: fps },
    ...(camera ? { deviceId: { exact: camera } } : {}),
  };
  const stream = await ask(() => navigator.mediaDevices.getUserMedia({ audio, video }), "camera or microphone");
  hint(stream, "motion");
  return stream;
}

/** The screen, with its own sound where the browser offers that, and the microphone where it does not. */
export async function openScreen({ width, height, fps, microphone = "", voice = true }) {
  if (!screenAllowed()) throw insecure("screen");
  const stream = await ask(
    () =>
      navigator.mediaDevices.getDisplayMedia({
        audio: microphone !== false,
        video: { width: { max: width }, height: { max: height }, frameRate: { ideal: fps, max: fps } },
      }),
    "screen",
  );
  hint(stream, "detail");
  if (microphone !== false && !stream.getAudioTracks().length) {
    // A screen without a word from whoever shows it is of little use; without a microphone it goes on silent.
    const speech = await navigator.mediaDevices.getUserMedia({ audio: sound(microphone, voice) }).catch(() => null);
    speech?.getAudioTracks().forEach((track) => stream.addTrack(track));
  }
  return stream;
}

/**
 * A moving picture with a running clock, and two tones: 440 Hz left, 660 Hz right.
 *
 * At each whole second a white square flashes while a pip sounds: what a viewer sees and hears apart is the
 * error between picture and sound. Nothing leaves the page but the stream, so it works without https.
 */
export async function openTest({ width, height, fps, microphone = "", label = "" }) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  if (!canvas.captureStream) {
    throw new Problem({ kind: "browser", title: "This browser cannot send a drawn picture", advice: "Send the camera instead." });
  }
  const context = canvas.getContext("2d", { alpha: false });
  let frame = 0;
  const draw = () => drawTest(context, { width, height, fps, label, frame: frame++, now: new Date() });
  draw();
  const stream = canvas.captureStream(fps);
  const timer = setInterval(draw, 1000 / fps);
  const tones = microphone === false ? null : openTones();
  tones?.stream.getAudioTracks().forEach((track) => stream.addTrack(track));
  stream.close = () => {
    clearInterval(timer);
    tones?.close();
  };
  stream.wake = () => tones?.wake();
  hint(stream, "motion");
  return stream;
}

/** Ends a stream of any of the three: lights go off, timers stop. */
export function closeSource(stream) {
  stream?.close?.();
  stream?.getTracks().forEach((track) => track.stop());
}

/** Cameras and microphones by name; names are empty until the visitor has allowed one of them. */
export async function listDevices() {
  if (!devicesAllowed()) return { cameras: [], microphones: [] };
  const devices = await navigator.mediaDevices.enumerateDevices().catch(() => []);
  const of = (kind) => devices.filter((device) => device.kind === kind && device.label);
  return { cameras: of("videoinput"), microphones: of("audioinput") };
}

function sound(microphone, voice) {
  return {
    echoCancellation: voice,
    noiseSuppression: voice,
    autoGainControl: voice,
    channelCount: { ideal: voice ? 1 : 2 },
    ...(microphone ? { deviceId: { exact: microphone } } : {}),
  };
}

function hint(stream, content) {
  for (const track of stream.getVideoTracks()) track.contentHint = content;
}

async function ask(open, what) {
  try {
    return await open();
  } catch (error) {
    throw deviceProblem(error, what);
  }
}

function insecure(what) {
  if (globalThis.isSecureContext) {
    return new Problem({ kind: "device", title: `This browser does not share its ${what}`, advice: "Send the test picture instead." });
  }
  return new Problem({
    kind: "device",
    title: `Browsers give the ${what} to secure pages only`,
    detail: `This page came over plain http from ${location.host}.`,
    advice: 'Set http.tls = "self-signed" in the server\'s configuration and open this page by https, or open it on localhost.',
  });
}

/** The failures of getUserMedia and getDisplayMedia by name. */
export function deviceProblem(error, what) {
  const words = {
    NotAllowedError: [
      `The ${what} was not allowed`,
      "Allow it by the icon beside the address, or in the settings of the system, and start again.",
    ],
    NotFoundError: [`There is no ${what}`, "Connect one, or send the test picture."],
    NotReadableError: [`The ${what} is in use`, "Another program holds it: close that and start again."],
    OverconstrainedError: [`The chosen ${what} is gone`, "Choose another one."],
    AbortError: [`The ${what} stopped`, "Start again."],
  }[error?.name] ?? [`The ${what} failed`, "Start again, or send the test picture."];
  const detail = error?.name === "NotAllowedError" ? "" : (error?.message ?? "");
  return new Problem({ kind: "device", title: words[0], detail, advice: words[1] });
}

const BARS = ["#c8c8c8", "#c8c80a", "#0ac8c8", "#0ac80a", "#c80ac8", "#c80a0a", "#1414dc"];

function drawTest(context, { width, height, fps, label, frame, now }) {
  const unit = height / 36;
  const text = (words, x, y, size, colour, align = "left") => {
    context.font = `600 ${size}px ui-monospace, "DejaVu Sans Mono", Consolas, monospace`;
    context.textAlign = align;
    context.fillStyle = colour;
    context.fillText(words, x, y);
  };
  context.fillStyle = "#14151b";
  context.fillRect(0, 0, width, height);
  BARS.forEach((colour, at) => {
    context.fillStyle = colour;
    context.fillRect((at * width) / BARS.length, 0, Math.ceil(width / BARS.length), height * 0.36);
  });
  // A bar that crosses once in four seconds keeps every encoder busy, and stands still when a viewer's picture does.
  const milliseconds = now.getTime();
  context.fillStyle = "#ffffff";
  context.fillRect(((milliseconds % 4000) / 4000) * (width + unit * 2) - unit * 2, height * 0.36, unit * 2, unit * 1.2);

  const clock = now.toTimeString().slice(0, 8) + "." + String(now.getMilliseconds()).padStart(3, "0");
  text(clock, width / 2, height * 0.66, Math.min(unit * 7, width / 9), "#ffffff", "center");
  text(`${label} ${width}×${height} ${fps} fps`.trim(), unit * 2, height - unit * 2, unit * 1.8, "#b9bac6");
  text(`#${frame}`, width - unit * 2, height - unit * 2, unit * 1.8, "#b9bac6", "right");

  const turn = ((milliseconds % 1000) / 1000) * 2 * Math.PI - Math.PI / 2;
  const centre = { x: width / 2, y: height * 0.82 };
  context.strokeStyle = "#4a4c5a";
  context.lineWidth = unit * 0.5;
  context.beginPath();
  context.arc(centre.x, centre.y, unit * 3.2, 0, 2 * Math.PI);
  context.stroke();
  context.strokeStyle = "#8f7bff";
  context.beginPath();
  context.arc(centre.x, centre.y, unit * 3.2, -Math.PI / 2, turn);
  context.stroke();
  if (milliseconds % 1000 < PIP_MS) {
    context.fillStyle = "#ffffff";
    context.fillRect(centre.x - unit * 1.4, centre.y - unit * 1.4, unit * 2.8, unit * 2.8);
  }
}

const PIP_MS = 80;

function openTones() {
  const context = new AudioContext();
  const target = context.createMediaStreamDestination();
  target.channelCount = 2;
  const merger = context.createChannelMerger(2);
  merger.connect(target);
  const tone = (frequency, level, ...channels) => {
    const oscillator = context.createOscillator();
    const gain = context.createGain();
    oscillator.frequency.value = frequency;
    gain.gain.value = level;
    oscillator.connect(gain);
    for (const channel of channels) gain.connect(merger, 0, channel);
    oscillator.start();
    return gain.gain;
  };
  tone(440, 0.08, 0);
  tone(660, 0.08, 1);
  const pip = tone(1320, 0, 0, 1);
  const schedule = () => {
    const wait = 1 - (Date.now() % 1000) / 1000;
    pip.setValueAtTime(0.25, context.currentTime + wait);
    pip.setValueAtTime(0, context.currentTime + wait + PIP_MS / 1000);
  };
  // Half past each second: early enough for the next whole one, and never twice for the same.
  let timer = setTimeout(function next() {
    schedule();
    timer = setTimeout(next, 1500 - (Date.now() % 1000));
  }, 1500 - (Date.now() % 1000));
  return {
    stream: target.stream,
    wake: () => context.resume(),
    close: () => {
      clearTimeout(timer);
      context.close();
    },
  };
}
