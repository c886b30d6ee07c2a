//! Which rendition of a stream a viewer asked for, which it gets, and why.

use crate::hub::{Rendition, Stream};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

/// What a viewer asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// What its connection and its grant allow; the server chooses, again and again.
    #[default]
    Auto,
    /// This one, whatever happens.
    Rid(Arc<str>),
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wish::Auto => f.write_str("auto"),
            Wish::Rid(rid) => f.write_str(rid),
        }
    }
}

/// What a viewer gets.
#[derive(Clone, Debug)]
pub struct Given {
    pub rendition: Rendition,
    /// The one that it moves to with its next keyframe.
    pub next: Option<Rendition>,
    /// Why it is, or will be, this one.
    pub why: Why,
}

/// Why a rendition was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The viewer asked for it.
    Asked,
    /// The best that is sent.
    Best,
    /// The best within the bitrate of the viewer's grant.
    Grant,
    /// The least is more than the grant has.
    Least,
    /// The best that the viewer's way carries, as far as it was tried.
    Way,
    /// What a weak link carries; nothing is known of the viewer's way yet.
    Start,
    /// The publisher sends no layer now.
    NothingSent,
}

impl Why {
    /// In words, for the API.
    pub fn words(self) -> &'static str {
        match self {
            Why::Asked => "asked for",
            Why::Best => "the best that is sent",
            Why::Grant => "the best within the bitrate of the grant",
            Why::Least => "the least that is sent; the grant has less",
            Why::Way => "the best that the connection carries, as far as it was tried",
            Why::Start => "what a weak connection carries, until it is known what this one does",
            Why::NothingSent => "the publisher sends no layer now",
        }
    }
}

/// The wish of a session's viewer and what came of it; nothing of it for streams with one rendition.
#[derive(Debug, Default)]
pub(super) struct Watching(Mutex<(Wish, Option<Given>)>);

impl Watching {
    pub(super) fn wish(&self) -> Wish {
        self.lock().0.clone()
    }

    pub(super) fn set_wish(&self, wish: Wish) {
        self.lock().0 = wish;
    }

    pub(super) fn given(&self) -> Option<Given> {
        self.lock().1.clone()
    }

    pub(super) fn set_given(&self, given: Given) {
        self.lock().1 = Some(given);
    }

    fn lock(&self) -> MutexGuard<'_, (Wish, Option<Given>)> {
        self.0.lock().expect("no holder of this lock panics")
    }
}

/// The rendition to give: its index, and why. `ceiling_kbps`: the most that the viewer's grant has. `present`: what it has.
pub(super) fn choose(
    renditions: &[Rendition],
    wish: &Wish,
    ceiling_kbps: Option<u32>,
    present: Option<usize>,
) -> (usize, Why) {
    if let Wish::Rid(rid) = wish
        && let Some(index) = renditions.iter().position(|rendition| rendition.rid == *rid)
    {
        return (index, Why::Asked);
    }
    let sent = || renditions.iter().enumerate().filter(|(_, rendition)| rendition.is_active());
    let fits = |rendition: &Rendition| ceiling_kbps.is_none_or(|kbps| rendition.bitrate() <= u64::from(kbps) * 1_000);
    let by_size = |(index, rendition): &(usize, &Rendition)| (rendition.pixels(), rendition.bitrate(), *index);
    let best = sent().max_by_key(by_size);
    let best_that_fits = sent().filter(|(_, rendition)| fits(rendition)).max_by_key(by_size);
    match (best_that_fits, best) {
        (Some((index, _)), Some((best, _))) => (index, if index == best { Why::Best } else { Why::Grant }),
        (None, Some(_)) => {
            let least = sent().min_by_key(|(_, rendition)| rendition.bitrate()).map_or(0, |(index, _)| index);
            (least, Why::Least)
        }
        _ => (present.unwrap_or_default(), Why::NothingSent),
    }
}

/// The place of a stream among its renditions.
pub(super) fn place(renditions: &[Rendition], stream: &Arc<Stream>) -> Option<usize> {
    renditions.iter().position(|rendition| Arc::ptr_eq(&rendition.stream, stream))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Hub, HubLimits};
    use crate::media::{Codec, TrackInfo};
    use std::sync::atomic::Ordering;

    #[test]
    fn the_best_that_is_sent_and_allowed_is_given() {
        let hub = Hub::new(HubLimits::default());
        let publisher = hub.publish("cam".parse().unwrap(), vec![TrackInfo::new(Codec::Vp8)]).unwrap();
        publisher.divide(&["q", "h", "f"].map(str::to_owned), 2);
        let renditions = publisher.stream().renditions();
        for (rendition, (width, kbps)) in renditions.iter().zip([(320u32, 150), (640, 500), (1280, 1_700)]) {
            rendition.stream.stats.picture.store(width << 16 | (width * 9 / 16), Ordering::Relaxed);
            rendition.stream.stats.bitrate.store(kbps * 1_000, Ordering::Relaxed);
        }
        let rid = |rid: &str| Wish::Rid(rid.into());
        let rows: [([bool; 3], Wish, Option<u32>, (usize, Why)); 11] = [
            ([true, true, true], Wish::Auto, None, (2, Why::Best)),
            ([true, true, false], Wish::Auto, None, (1, Why::Best)),
            ([false, false, true], Wish::Auto, None, (2, Why::Best)),
            ([true, true, true], Wish::Auto, Some(1_000), (1, Why::Grant)),
            ([true, true, true], Wish::Auto, Some(500), (1, Why::Grant)),
            ([true, true, true], Wish::Auto, Some(100), (0, Why::Least)),
            ([false, true, true], Wish::Auto, Some(100), (1, Why::Least)),
            ([false, false, false], Wish::Auto, None, (1, Why::NothingSent)),
            ([true, true, true], rid("q"), None, (0, Why::Asked)),
            ([true, true, false], rid("f"), Some(100), (2, Why::Asked)),
            ([true, true, false], rid("x"), None, (1, Why::Best)),
        ];
        for (row, (active, wish, ceiling, expected)) in rows.into_iter().enumerate() {
            for (rendition, active) in renditions.iter().zip(active) {
                rendition.stream.stats.active.store(active, Ordering::Relaxed);
            }
            assert_eq!(choose(&renditions, &wish, ceiling, Some(1)), expected, "row {row}");
        }
        assert_eq!(place(&renditions, publisher.stream()), Some(2));
    }
}
