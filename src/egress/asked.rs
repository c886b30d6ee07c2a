//! What a viewer asks for behind `@` or by `?rendition=`: a rendition, layers of its picture, or both.

use super::whep::WhepError;
use crate::access::{self, Denial, Grant};
use crate::hub::{Rendition, Stream, ladder};
use crate::media::{LayerId, MAX_LAYERS, StreamName};
use crate::shard::Wish;
use std::sync::Arc;

/// Asks for what the viewer's connection and grant allow.
const AUTO: &str = "auto";

/// A rendition, and the layers of its picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub wish: Wish,
    pub layers: LayerId,
}

impl Asked {
    /// Reads `auto`, a rendition (`h`), layers (`s1t0`, `s1`, `t0`), or both (`h.t0`), and makes sure that the stream has them.
    ///
    /// # Errors
    /// `NoRendition` names what there is.
    pub(super) fn read(
        name: &StreamName,
        asked: Option<&str>,
        stream: &Stream,
        renditions: &[Rendition],
    ) -> Result<Asked, WhepError> {
        let all = |wish| Asked { wish, layers: LayerId::ALL };
        let Some(asked) = asked.filter(|asked| *asked != AUTO) else { return Ok(all(Wish::Auto)) };
        let find = |rid: &str| renditions.iter().find(|rendition| *rendition.rid == *rid);
        if let Some(rendition) = find(asked) {
            return Ok(all(Wish::Rid(rendition.rid.clone())));
        }
        let (rendition, numbers) = match asked.rsplit_once('.') {
            Some((rid, layers)) => (find(rid), find(rid).and_then(|_| Numbers::read(layers))),
            None => (None, Numbers::read(asked)),
        };
        let found = numbers.filter(|numbers| match rendition {
            Some(rendition) => numbers.are_of(&rendition.stream),
            None if renditions.is_empty() => numbers.are_of(stream),
            None => renditions.iter().any(|rendition| numbers.are_of(&rendition.stream)),
        });
        let wish = rendition.map_or(Wish::Auto, |rendition| Wish::Rid(rendition.rid.clone()));
        found.map(|numbers| Asked { wish, layers: numbers.layers() }).ok_or_else(|| WhepError::NoRendition {
            stream: name.clone(),
            asked: asked.chars().take(64).collect(),
            have: names(stream, renditions),
        })
    }

    /// A viewer may not watch at the bitrate of what it asked for, or of the least that there is.
    ///
    /// # Errors
    /// `Access`, with both bitrates.
    pub(super) fn fits(&self, source: &Stream, renditions: &[Rendition], grant: &Grant) -> Result<(), WhepError> {
        let Some(allowed) = grant.max_bitrate_kbps else { return Ok(()) };
        let least = |stream: &Stream| {
            let least = ladder(&stream.layers()).first().map(|one| one.bitrate);
            least.filter(|_| self.layers == LayerId::ALL).unwrap_or_else(|| stream.bitrate_of(self.layers))
        };
        let bitrate = match &self.wish {
            Wish::Rid(rid) => renditions.iter().find(|one| one.rid == *rid).map(|one| least(&one.stream)),
            Wish::Auto => renditions.iter().filter(|one| one.is_active()).map(|one| least(&one.stream)).min(),
        };
        let bitrate = bitrate.unwrap_or_else(|| least(source));
        if access::exceeds(bitrate, allowed) {
            let kbps = u32::try_from(bitrate / 1_000).unwrap_or(u32::MAX);
            return Err(WhepError::Access(Denial::BitrateAboveGrant { kbps, allowed }));
        }
        Ok(())
    }
}

/// The spatial and the temporal layer of a name; one of both may be left open.
#[derive(Clone, Copy)]
struct Numbers(Option<u8>, Option<u8>);

impl Numbers {
    /// Reads `s1t0`, `s1` or `t0`.
    fn read(text: &str) -> Option<Numbers> {
        let number = |digit: &str| match digit.as_bytes() {
            [digit @ b'0'..=b'9'] => Some(digit - b'0').filter(|number| usize::from(*number) < MAX_LAYERS),
            _ => None,
        };
        let text = text.to_ascii_lowercase();
        match text.strip_prefix('s') {
            Some(rest) => match rest.split_once('t') {
                Some((spatial, temporal)) => Some(Numbers(Some(number(spatial)?), Some(number(temporal)?))),
                None => Some(Numbers(Some(number(rest)?), None)),
            },
            None => Some(Numbers(None, Some(number(text.strip_prefix('t')?)?))),
        }
    }

    /// Whether the stream sends them.
    fn are_of(self, stream: &Stream) -> bool {
        let Numbers(spatial, temporal) = self;
        let is_asked = |layers: LayerId| {
            spatial.is_none_or(|number| number == layers.spatial())
                && temporal.is_none_or(|number| number == layers.temporal())
        };
        stream.layers().iter().any(|one| is_asked(one.layers))
    }

    /// All of the kind that was left open.
    fn layers(self) -> LayerId {
        let Numbers(spatial, temporal) = self;
        LayerId::new(spatial.unwrap_or(LayerId::ALL.spatial()), temporal.unwrap_or(LayerId::ALL.temporal()))
    }
}

/// All that can be asked for.
fn names(stream: &Stream, renditions: &[Rendition]) -> Vec<String> {
    let layers = |stream: &Stream| stream.layers().into_iter().map(|one| one.layers.to_string()).collect::<Vec<_>>();
    let of_rendition = |one: &Rendition| {
        let rid: &Arc<str> = &one.rid;
        let layers = layers(&one.stream).into_iter().map(|layers| format!("{rid}.{layers}"));
        std::iter::once(rid.to_string()).chain(layers).collect::<Vec<_>>()
    };
    if renditions.is_empty() { layers(stream) } else { renditions.iter().flat_map(of_rendition).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Hub, HubLimits};
    use crate::media::{Codec, TrackInfo};
    use std::sync::atomic::Ordering;

    fn layered(stream: &Stream, spatial: u8, temporal: u8) {
        for (s, t) in (0..spatial).flat_map(|s| (0..temporal).map(move |t| (s, t))) {
            stream.stats.layers.set_bitrate(LayerId::new(s, t), 100_000);
        }
    }

    #[test]
    fn layers_are_asked_for_by_number() {
        let hub = Hub::new(HubLimits::default());
        let name: StreamName = "cam".parse().unwrap();
        let publisher = hub.publish(name.clone(), vec![TrackInfo::new(Codec::Vp9)]).unwrap();
        let stream = publisher.stream();
        let refused = |asked: &str, renditions: &[Rendition]| match Asked::read(&name, Some(asked), stream, renditions)
        {
            Err(WhepError::NoRendition { have, .. }) => have.join(" "),
            other => panic!("{asked}: {other:?}"),
        };
        assert_eq!(refused("s0t0", &[]), "", "it has no layers");
        layered(stream, 2, 3);
        let top = LayerId::ALL.spatial();
        let rows = [
            (None, LayerId::ALL),
            (Some("auto"), LayerId::ALL),
            (Some("s0t1"), LayerId::new(0, 1)),
            (Some("S1T2"), LayerId::new(1, 2)),
            (Some("s1"), LayerId::new(1, top)),
            (Some("t0"), LayerId::new(top, 0)),
        ];
        for (asked, expected) in rows {
            let found = Asked::read(&name, asked, stream, &[]).unwrap();
            assert_eq!(found, Asked { wish: Wish::Auto, layers: expected }, "{asked:?}");
        }
        for wrong in [
            "s2", "s3", "s2t0", "t3", "s0t3", "s", "t", "st", "s0t", "s00", "s1t9", "x", "h.s0", ".s0", "s0.", "",
            "s-1",
        ] {
            assert_eq!(refused(wrong, &[]), "s0t0 s0t1 s0t2 s1t0 s1t1 s1t2", "{wrong}");
        }
    }

    #[test]
    fn renditions_may_have_layers() {
        let hub = Hub::new(HubLimits::default());
        let name: StreamName = "cam".parse().unwrap();
        let publisher = hub.publish(name.clone(), vec![TrackInfo::new(Codec::Vp8)]).unwrap();
        let rids = ["q", "s1"].map(str::to_owned);
        let streams: Vec<_> = publisher.divide(&rids, 1).into_iter().flatten().collect();
        layered(&streams[0], 1, 2);
        let renditions = publisher.stream().renditions();
        let read = |asked: &str| Asked::read(&name, Some(asked), publisher.stream(), &renditions);
        let rid = |rid: &str, layers| Asked { wish: Wish::Rid(rid.into()), layers };
        let t0 = LayerId::new(LayerId::ALL.spatial(), 0);
        assert_eq!(read("q").unwrap(), rid("q", LayerId::ALL));
        assert_eq!(read("s1").unwrap(), rid("s1", LayerId::ALL), "a name that looks like layers is a name");
        assert_eq!(read("q.t0").unwrap(), rid("q", t0));
        assert_eq!(read("t0").unwrap(), Asked { wish: Wish::Auto, layers: t0 });
        for wrong in ["q.t2", "s1.t1", "x.t0", "q.", "t3"] {
            match read(wrong) {
                Err(WhepError::NoRendition { have, .. }) => {
                    assert_eq!(have, ["q", "q.s0t0", "q.s0t1", "s1"], "{wrong}");
                }
                other => panic!("{wrong}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_was_asked_for_must_be_within_the_grant() {
        let hub = Hub::new(HubLimits::default());
        let publisher = hub.publish("cam".parse().unwrap(), vec![TrackInfo::new(Codec::Vp9)]).unwrap();
        let stream = publisher.stream();
        stream.stats.bitrate.store(650_000, Ordering::Relaxed);
        layered(stream, 2, 3);
        let rows = [
            (LayerId::ALL, 650, true),
            (LayerId::ALL, 90, true),
            (LayerId::ALL, 70, false),
            (LayerId::new(1, 0), 200, true),
            (LayerId::new(1, 2), 300, false),
        ];
        for (layers, kbps, fine) in rows {
            let grant = Grant { max_bitrate_kbps: Some(kbps), ..Grant::default() };
            let asked = Asked { wish: Wish::Auto, layers };
            assert_eq!(asked.fits(stream, &[], &grant).is_ok(), fine, "{layers} {kbps}");
        }
    }
}
