//! Recorded offers, damaged in thousands of ways: never a panic, and every answer still holds its rules.

use super::*;

/// A small generator, so that each run damages in the same way (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % sides
    }
}

fn damage(offer: &str, other: &str, dice: &mut Dice) -> String {
    let mut lines: Vec<&str> = offer.lines().collect();
    for _ in 0..=dice.roll(6) {
        let (at, from) = (dice.roll(lines.len()), dice.roll(lines.len()));
        match dice.roll(5) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[from]),
            2 => lines.swap(at, from),
            3 => lines.insert(at, other.lines().nth(dice.roll(200)).unwrap_or("m=video 0 x 1")),
            _ => lines.truncate(at.max(8)),
        }
    }
    let mut text = lines.join("\r\n").into_bytes();
    for _ in 0..dice.roll(4) {
        let at = dice.roll(text.len());
        match dice.roll(3) {
            0 => text[at] = b"0 :=/;,-\n\r\tm\xc3"[dice.roll(13)],
            1 => drop(text.remove(at)),
            _ => text.insert(at, b"019 :=/;"[dice.roll(8)]),
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Whether the independent parser knows the names in the m-lines: it refuses others, which we only reject.
fn is_known_elsewhere(answer: &str) -> bool {
    answer.lines().filter_map(|line| line.strip_prefix("m=")).all(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        ["audio", "video", "text", "application", "message"].contains(&words[0])
            && words[2].split('/').all(|part| ["UDP", "TLS", "DTLS", "RTP", "SAVPF", "SCTP"].contains(&part))
    })
}

#[test]
fn damaged_offers_never_panic() {
    let mut dice = Dice(0x5eed_5eed_5eed_5eed);
    let offers = all_recorded();
    let (mut answered, mut refused) = (0, 0);
    for (_, offer) in &offers {
        for _ in 0..300 {
            let text = damage(offer, &offers[dice.roll(offers.len())].1, &mut dice);
            let tracks = [h264("42e01f"), opus(), TrackInfo::new(Codec::Vp8), TrackInfo::new(Codec::Av1)];
            for (direction, result) in
                [(Direction::Ingest, ingest(&text)), (Direction::Egress, egress(&text, &tracks[..1 + dice.roll(4)]))]
            {
                match result {
                    Ok(negotiated) => {
                        if is_known_elsewhere(&negotiated.answer) {
                            check(&text, &negotiated, direction);
                            answered += 1;
                        }
                    }
                    Err(error) => {
                        let sentence = error.to_string();
                        assert!(sentence.len() < 1000 && !sentence.contains(char::is_control), "{sentence}");
                        refused += 1;
                    }
                }
            }
            if let Ok(fragment) = Fragment::parse(&text) {
                assert!(fragment.candidates < 2000);
            }
        }
    }
    assert!(answered > 1000 && refused > 1000, "{answered} {refused}");
}
