// The tiny auth plugin in JavaScript: lets in who shows the token of the configuration. See README.md.
import { value } from "wasmcast:host/config@0.1.0";
import { equal } from "wasmcast:host/crypto@0.1.0";

const bytes = (text) => new TextEncoder().encode(text);

export const check = {
  // Returns the answer, or throws an error for the operator.
  authorize(session) {
    const expected = value("token");
    if (expected === undefined) throw "config: `token` is missing";
    const shown = session.token();
    if (shown === undefined) return { tag: "abstain" };
    // In constant time.
    if (!equal(bytes(expected), bytes(shown))) {
      return { tag: "deny", val: { status: 401, reason: "This link is not valid." } };
    }
    const tags = [{ key: "plan", value: value("plan") ?? "free" }];
    return { tag: "allow", val: { subject: "alice", ttlMs: 10 * 60 * 1000, maxBitrateKbps: 4000, tags } };
  },
};
