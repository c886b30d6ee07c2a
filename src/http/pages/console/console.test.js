// Tests of the console's words and figures: `node --test src/http/pages/`.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ago, attributeWords, bits, bytes, History, isPluginName, outline, pluginOfFile, pluginState, Rates, sections, share, shareOf, span, stepTone, stepWords, took, valueWords } from "./words.js";

test("figures have units that fit them", () => {
  const rows = [
    [bits(null), "–"], [bits(0), "0 kbit/s"], [bits(850_400), "850 kbit/s"], [bits(2_340_000), "2.34 Mbit/s"], [bits(1.5e9), "1.50 Gbit/s"],
    [bytes(undefined), "–"], [bytes(0), "0 B"], [bytes(1536), "1.5 KiB"], [bytes(300 << 20), "300 MiB"], [bytes(5e12), "4657 GiB"],
    [took(null), "–"], [took(3.42), "3.4 µs"], [took(53.1), "53 µs"], [took(1_500), "1.5 ms"], [took(2.5e6), "2.5 s"],
    [share(null), "–"], [share(0.0312), "3.1 %"], [share(0.5), "50 %"],
    [span(59_999), "59 s"], [span(3_900_000), "1 h 5 min"], [span(187_200_000), "2 d 4 h"], [span(NaN), "–"], [span(-5), "0 s"],
    [ago(1000, 2000), "just now"], [ago(0, 60_000), "1 min ago"], [ago(NaN, 0), "–"],
  ];
  for (const [found, expected] of rows) assert.equal(found, expected);
});

test("a rate comes of two looks, and a counter that began anew has none", () => {
  const rates = new Rates();
  assert.equal(rates.of("a", 1000, 0), null);
  assert.equal(rates.of("a", 3000, 1000), 2000);
  assert.equal(rates.of("a", 3100, 1100), 2000, "two looks too near to each other");
  assert.equal(rates.of("a", 3000, 2000), 0);
  assert.equal(rates.of("a", 10, 3000), null);
  rates.keep([]);
  assert.equal(rates.of("a", 20, 4000), null);
});

test("a chart ends at its right edge and stays within its height", () => {
  const history = new History(3);
  for (const value of [9, 0, null, 4]) history.push(value);
  assert.deepEqual(history.values, [0, 0, 4]);
  assert.equal(outline([1], 3, 100, 20).line, "");
  const { line, area } = outline(history.values, 3, 100, 20);
  assert.equal(line, "M0 18.5L50 18.5L100 4.6");
  assert.ok(area.startsWith(line) && area.endsWith("Z"));
  assert.doesNotMatch(outline([0, 0], 3, 100, 20).line, /NaN|Infinity/);
});

test("states and steps are told in words, also those that are not known yet", () => {
  assert.deepEqual([pluginState("active").tone, pluginState("quarantined").tone, pluginState("disabled").tone], ["good", "stop", "off"]);
  assert.equal(pluginState("hovering").word, "hovering");
  assert.equal(stepWords({ hook: "auth", outcome: "deny" }), "refused it");
  assert.equal(stepWords({ hook: "router", outcome: "route" }), "chose where it goes");
  assert.equal(stepWords({ hook: "auth", outcome: "sing" }), "sing");
  assert.deepEqual([stepTone({ outcome: "allow" }), stepTone({ outcome: "open", error: "trap" }), stepTone({ outcome: "abstain" })], ["good", "stop", "off"]);
});

test("the name of a plugin comes of its file", () => {
  const rows = [
    ["auth-jwt.wasm", "auth-jwt"], ["Auth_JWT.component.wasm", "auth-jwt"], ["C:\\x\\door.TOML", "door"], ["--.wasm", ""], ["door.wasm.minisig", "door"], ["schön 1.wasm", "sch-n-1"],
  ];
  for (const [file, name] of rows) assert.equal(pluginOfFile(file), name, file);
  assert.ok(isPluginName("a") && isPluginName("9-a") && !isPluginName("-a") && !isPluginName("A") && !isPluginName("") && !isPluginName("a".repeat(65)));
});

test("settings come by section, in their order, values as one would write them", () => {
  const config = { "http.listen": { value: "[::]:8080", source: "a.toml:3" }, "http.tls": { value: null, source: "default" }, "access.rules": { value: [{ stream: "a" }], source: "default" } };
  const found = sections(config);
  assert.deepEqual([...found.keys()], ["http", "access"]);
  assert.deepEqual(found.get("http").map(({ name }) => name), ["listen", "tls"]);
  const values = [...found.values()].flat().map(({ value }) => valueWords(value));
  assert.deepEqual(values, ["[::]:8080", "not set", '[{"stream":"a"}]']);
  assert.equal(valueWords(""), '""');
});

test("a share is a percentage, and attributes are one line", () => {
  const rows = [["5", 0.05], ["2.5 %", 0.025], ["0,5", 0.005], ["100", 1], ["0", null], ["101", null], ["-1", null], ["x", null], ["", null]];
  for (const [text, expected] of rows) assert.equal(shareOf(text), expected, text);
  assert.equal(attributeWords({ reason: "left", why: { a: 1 } }), 'reason left · why {"a":1}');
  assert.equal(attributeWords(null), "");
});
