/* SHA-256, for seals and for the looks of labels. The browser's own would make every caller wait, and is missing in
   pages that are opened from a disk by some browsers. */

const ROUNDS = new Uint32Array(64), FIRST = new Uint32Array(8);
for (let prime = 2, found = 0; found < 64; prime++) {
  for (let by = 2; by <= prime; by++) {
    if (by * by > prime) {
      const fraction = (root) => Math.floor((root - Math.floor(root)) * 2 ** 32);
      ROUNDS[found] = fraction(Math.cbrt(prime));
      if (found < 8) FIRST[found] = fraction(Math.sqrt(prime));
      found++;
      break;
    }
    if (prime % by === 0) break;
  }
}

/** bytes: a Uint8Array. The digest's eight words. */
function sha256(bytes) {
  const blocks = new Uint8Array(Math.ceil((bytes.length + 9) / 64) * 64), words = new Uint32Array(64);
  blocks.set(bytes);
  blocks[bytes.length] = 0x80;
  const whole = new DataView(blocks.buffer), state = FIRST.slice();
  whole.setUint32(blocks.length - 8, Math.floor(bytes.length / 2 ** 29));
  whole.setUint32(blocks.length - 4, (bytes.length << 3) >>> 0);
  const turned = (word, by) => (word >>> by) | (word << (32 - by));
  for (let at = 0; at < blocks.length; at += 64) {
    for (let i = 0; i < 16; i++) words[i] = whole.getUint32(at + 4 * i);
    for (let i = 16; i < 64; i++) {
      const early = words[i - 15], late = words[i - 2];
      words[i] = words[i - 16] + (turned(early, 7) ^ turned(early, 18) ^ (early >>> 3))
        + words[i - 7] + (turned(late, 17) ^ turned(late, 19) ^ (late >>> 10));
    }
    let a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
    for (let i = 0; i < 64; i++) {
      const one = (h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g)) + ROUNDS[i] + words[i]) | 0;
      const two = ((turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g; g = f; f = e; e = (d + one) | 0; d = c; c = b; b = a; a = (one + two) | 0; // one by one: twice as fast
    }
    [a, b, c, d, e, f, g, h].forEach((word, i) => { state[i] += word; });
  }
  return state;
}

/** In hex, as hashlib writes it. */
const hexDigest = (bytes) => [...sha256(bytes)].map((word) => word.toString(16).padStart(8, "0")).join("");
