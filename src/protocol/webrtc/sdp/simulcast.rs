//! Simulcast in an offer (RFC 8853), the layers' identifiers and restrictions (RFC 8851), and our answer to them.

use super::grammar::Attribute;

/// More than any publisher lists; browsers send 3 layers, with alternatives nobody sends more than 8.
const MAX_READ: usize = 16;
/// What a one-byte header extension holds (RFC 8285, 4.2).
const MAX_RID_BYTES: usize = 16;
/// Restrictions of one layer that are repeated; real ones have up to 60 bytes.
const MAX_RESTRICTION_BYTES: usize = 128;

/// A layer that the offerer can send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OfferedLayer {
    pub rid: String,
    /// Payload types that it is limited to; empty: any of the m-line.
    payload_types: Vec<u8>,
    /// Its other restrictions, as the offer writes them, joined by `;`.
    restrictions: String,
}

/// The streams that the offerer would send at once.
#[derive(Clone, Debug, Default)]
pub(super) struct OfferedSimulcast {
    /// For each stream its layer, or the alternatives of which we may choose one, best first.
    streams: Vec<Vec<OfferedLayer>>,
}

impl OfferedSimulcast {
    /// Reads `a=simulcast:send` and the `a=rid:X send` lines that it refers to; what refers to nothing is left out. Layers
    /// that are paused for now (`~`) are layers all the same.
    pub fn read(attributes: &[Attribute<'_>]) -> OfferedSimulcast {
        let mut layers: Vec<OfferedLayer> = Vec::new();
        for layer in attributes.iter().filter(|attribute| attribute.name == "rid").filter_map(layer) {
            if layers.len() < MAX_READ && !layers.iter().any(|known| known.rid == layer.rid) {
                layers.push(layer);
            }
        }
        let lists = attributes.iter().filter(|attribute| attribute.name == "simulcast").find_map(send_list);
        let mut take = |rid: &str| {
            let at = layers.iter().position(|layer| layer.rid == rid.trim_start_matches('~'))?;
            Some(layers.remove(at))
        };
        let mut streams = Vec::new();
        for alternatives in lists.unwrap_or_default().split(';') {
            let stream: Vec<OfferedLayer> = alternatives.split(',').filter_map(|rid| take(rid.trim())).collect();
            if !stream.is_empty() {
                streams.push(stream);
            }
        }
        OfferedSimulcast { streams }
    }

    /// The layers to receive with a payload type, in the offer's order: of each stream the first alternative that this
    /// payload type suits, at most `most` streams. A single layer is no simulcast: then there are none.
    pub fn accept(&self, payload_type: u8, most: usize) -> Vec<&OfferedLayer> {
        let suits =
            |layer: &&OfferedLayer| layer.payload_types.is_empty() || layer.payload_types.contains(&payload_type);
        let layers: Vec<&OfferedLayer> =
            self.streams.iter().filter_map(|stream| stream.iter().find(suits)).take(most).collect();
        if layers.len() < 2 { Vec::new() } else { layers }
    }
}

/// The lines of an answer that takes these layers, without `a=`; none for no layers.
pub(super) fn answer(layers: &[&OfferedLayer], payload_type: u8) -> impl Iterator<Item = String> {
    let rids = layers.iter().map(move |layer| {
        let format = if layer.payload_types.is_empty() { String::new() } else { format!("pt={payload_type}") };
        let parts = [format.as_str(), layer.restrictions.as_str()];
        let limits = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(";");
        format!("rid:{} recv {limits}", layer.rid).trim_end().to_owned()
    });
    let names: Vec<&str> = layers.iter().map(|layer| layer.rid.as_str()).collect();
    let list = (!names.is_empty()).then(|| format!("simulcast:recv {}", names.join(";")));
    rids.chain(list)
}

/// An `a=rid:X send` line; none for other directions and for what can not be a rid.
fn layer(attribute: &Attribute<'_>) -> Option<OfferedLayer> {
    let mut words = attribute.value.splitn(3, [' ', '\t']);
    let rid = words.next().filter(|rid| is_rid(rid))?;
    words.next().filter(|direction| *direction == "send")?;
    let mut layer = OfferedLayer { rid: rid.to_owned(), payload_types: Vec::new(), restrictions: String::new() };
    for restriction in words.next().unwrap_or_default().split(';').map(str::trim) {
        if let Some(list) = restriction.strip_prefix("pt=") {
            layer.payload_types = list.split(',').take(MAX_READ).filter_map(|pt| pt.trim().parse().ok()).collect();
        } else if is_restriction(restriction) && layer.restrictions.len() + restriction.len() < MAX_RESTRICTION_BYTES {
            let joint = if layer.restrictions.is_empty() { "" } else { ";" };
            layer.restrictions.extend([joint, restriction]);
        }
    }
    Some(layer)
}

/// What an `a=simulcast` line would send. Early drafts wrote `send rid=a;b`.
fn send_list<'a>(attribute: &Attribute<'a>) -> Option<&'a str> {
    let mut words = attribute.value.split_ascii_whitespace();
    while let Some(direction) = words.next() {
        let list = words.next()?;
        if direction == "send" {
            return Some(list.strip_prefix("rid=").unwrap_or(list));
        }
    }
    None
}

/// A rid that fits into the header extension: letters and digits, and the `-` and `_` that RFC 8851 allowed first.
fn is_rid(text: &str) -> bool {
    (1..=MAX_RID_BYTES).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// A restriction of RFC 8851, 5. Others must not be repeated: we would promise what we do not know.
fn is_restriction(text: &str) -> bool {
    let Some((name, value)) = text.split_once('=') else { return false };
    ["max-width", "max-height", "max-fps", "max-fs", "max-br", "max-pps", "max-bpp"].contains(&name)
        && !value.is_empty()
        && value.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> OfferedSimulcast {
        let attributes = lines.iter().map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            Attribute { line: 1, name, value }
        });
        OfferedSimulcast::read(&attributes.collect::<Vec<_>>())
    }

    #[test]
    fn layers_are_taken_in_the_offers_order_and_answered() {
        let rids = ["rid:q send", "rid:h send pt=96,97;max-width=640", "rid:f send max-br=2500000;max-fps=29.97"];
        let rows: &[(&str, &str, &str)] = &[
            (
                "simulcast:send q;h;f",
                "q h f",
                "rid:q recv|rid:h recv pt=96;max-width=640|rid:f recv max-br=2500000;max-fps=29.97|simulcast:recv q;h;f",
            ),
            ("simulcast:send f;q", "f q", "rid:f recv max-br=2500000;max-fps=29.97|rid:q recv|simulcast:recv f;q"),
            ("simulcast:recv x send ~q;~h", "q h", "rid:q recv|rid:h recv pt=96;max-width=640|simulcast:recv q;h"),
            ("simulcast: send rid=q;f", "q f", "rid:q recv|rid:f recv max-br=2500000;max-fps=29.97|simulcast:recv q;f"),
            (
                "simulcast:send f,q;h",
                "f h",
                "rid:f recv max-br=2500000;max-fps=29.97|rid:h recv pt=96;max-width=640|simulcast:recv f;h",
            ),
            ("simulcast:send q;q;nobody", "", ""),
            ("simulcast:send q", "", ""),
            ("simulcast:recv q;h;f", "", ""),
            ("simulcast:send", "", ""),
            ("simulcast:", "", ""),
        ];
        for (line, names, lines) in rows {
            let offered = read(&[&rids[..], &[line]].concat());
            let layers = offered.accept(96, 4);
            let rids: Vec<&str> = layers.iter().map(|layer| layer.rid.as_str()).collect();
            assert_eq!(rids.join(" "), *names, "{line}");
            assert_eq!(answer(&layers, 96).collect::<Vec<_>>().join("|"), *lines, "{line}");
        }
    }

    #[test]
    fn alternatives_are_chosen_by_the_payload_type() {
        let offered = read(&["rid:a send pt=96", "rid:b send pt=98", "rid:c send", "simulcast:send a,b;c"]);
        let names = |pt| offered.accept(pt, 4).iter().map(|layer| layer.rid.clone()).collect::<Vec<_>>();
        assert_eq!(names(96), ["a", "c"]);
        assert_eq!(names(98), ["b", "c"]);
        assert_eq!(names(100), [""; 0], "one layer is no simulcast");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let rids: Vec<String> =
            (0..100).map(|n| format!("rid:r{n} send max-br={};evil=\"x\";max-fs=", "1".repeat(200))).collect();
        let list = format!("simulcast:send {}", (0..100).map(|n| format!("r{n}")).collect::<Vec<_>>().join(";"));
        let mut lines: Vec<&str> = rids.iter().map(String::as_str).collect();
        lines.push(&list);
        let offered = read(&lines);
        assert_eq!(offered.streams.len(), MAX_READ);
        let layers = offered.accept(96, 4);
        assert_eq!(layers.len(), 4);
        assert_eq!(answer(&layers, 96).next().as_deref(), Some("rid:r0 recv"));
        for bad in
            ["rid: send", "rid:a\u{e9} send", "rid:01234567890123456 send", "rid:a recv", "rid:a", "rid:a/b send"]
        {
            assert!(read(&[bad, "rid:b send", "simulcast:send a;b"]).streams.len() < 2, "{bad}");
        }
    }
}
