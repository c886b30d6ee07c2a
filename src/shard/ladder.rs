//! The renditions of a stream as one viewer may have them, from the lowest to the best: what the policy of `auto` chooses from.

use super::adaptation::Rung;
use super::wish::Why;
use crate::hub::Rendition;

/// The rungs that one viewer may have. Sizes are known late and rates waver: a rendition may change its place.
#[derive(Clone, Debug, Default)]
pub struct Ladder {
    /// For each rung the index of its rendition.
    places: Vec<usize>,
    rungs: Vec<Rung>,
    /// For each rendition the highest rate that was seen. Equal sizes are in this order, which soon rests.
    peaks: Vec<u64>,
    /// A better one is sent, and is more than the grant has.
    limited: bool,
    /// All are more than the grant has.
    poor: bool,
}

impl Ladder {
    /// Looks at the renditions again, the same as always. `ceiling_kbps`: the most that the viewer's grant has. True where rungs
    /// have other places than before.
    pub fn look(&mut self, renditions: &[Rendition], ceiling_kbps: Option<u32>) -> bool {
        self.peaks.resize(renditions.len(), 0);
        for (peak, rendition) in self.peaks.iter_mut().zip(renditions) {
            *peak = rendition.picture_bitrate().max(*peak);
        }
        let key = |index: &usize| (renditions[*index].pixels(), self.peaks[*index], *index);
        let known = self.places.len() == renditions.len();
        let moved = !known || !self.places.is_sorted_by_key(key);
        if moved {
            self.places = (0..renditions.len()).collect();
            self.places.sort_by_key(key);
        }
        let fits =
            |rendition: &Rendition| ceiling_kbps.is_none_or(|kbps| rendition.bitrate() <= u64::from(kbps) * 1_000);
        let sent = |index: &usize| renditions[*index].is_active();
        self.poor = !self.places.iter().any(|index| sent(index) && fits(&renditions[*index]));
        let least = self.places.iter().filter(|index| sent(index)).min_by_key(|index| renditions[**index].bitrate());
        let allowed = |index: &usize| fits(&renditions[*index]) || self.poor && Some(index) == least;
        let rung = |index: &usize| Rung {
            bits_per_second: renditions[*index].picture_bitrate(),
            active: sent(index) && allowed(index),
        };
        self.rungs = self.places.iter().map(rung).collect();
        let best = self.best().unwrap_or_default();
        self.limited = self.places.iter().skip(best + 1).any(|index| sent(index) && !allowed(index));
        moved
    }

    /// The rungs, from the lowest to the best. Those that the grant does not allow are not active.
    pub fn rungs(&self) -> &[Rung] {
        &self.rungs
    }

    /// The index of the rendition that a rung stands for.
    pub fn rendition(&self, rung: usize) -> usize {
        self.places.get(rung).copied().unwrap_or_default()
    }

    /// The rung of a rendition.
    pub fn rung(&self, rendition: usize) -> usize {
        self.places.iter().position(|index| *index == rendition).unwrap_or_default()
    }

    /// Why a viewer who leaves the choice to us gets a rung. `measured`: it is known what its way carries.
    pub fn why(&self, rung: usize, measured: bool) -> Why {
        match self.best() {
            None => Why::NothingSent,
            Some(_) if self.poor => Why::Least,
            Some(best) if rung == best => {
                if self.limited {
                    Why::Grant
                } else {
                    Why::Best
                }
            }
            Some(_) => {
                if measured {
                    Why::Way
                } else {
                    Why::Start
                }
            }
        }
    }

    fn best(&self) -> Option<usize> {
        self.rungs.iter().rposition(|rung| rung.active)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Hub, HubLimits, Publisher};
    use crate::media::{Codec, TrackInfo};
    use std::sync::atomic::Ordering;

    /// A stream with layers of these widths, rates in kbit/s, with sound of 40 kbit/s, and whether they are sent.
    fn publish(layers: &[(u32, u64, bool)]) -> Publisher {
        let hub = Hub::new(HubLimits::default());
        let publisher = hub.publish("cam".parse().unwrap(), vec![TrackInfo::new(Codec::Vp8)]).unwrap();
        let rids: Vec<String> = (0..layers.len()).map(|index| index.to_string()).collect();
        publisher.divide(&rids, 0);
        set(&publisher, layers);
        publisher
    }

    fn set(publisher: &Publisher, layers: &[(u32, u64, bool)]) {
        for (rendition, (width, kbps, active)) in publisher.stream().renditions().iter().zip(layers) {
            let stats = &rendition.stream.stats;
            stats.picture.store(width << 16 | (width * 9 / 16), Ordering::Relaxed);
            stats.picture_bitrate.store(kbps * 1_000, Ordering::Relaxed);
            stats.bitrate.store((kbps + 40) * 1_000, Ordering::Relaxed);
            stats.active.store(*active, Ordering::Relaxed);
        }
    }

    #[test]
    fn rungs_are_ordered_by_size_and_cut_by_the_grant() {
        type Row = (&'static str, [(u32, u64, bool); 3], Option<u32>, [usize; 3], [bool; 3], (usize, Why), Why);
        let (low, mid, top) = ((320, 150, true), (640, 500, true), (1_280, 2_500, true));
        let off = |(width, _, _): (u32, u64, bool)| (width, 0, false);
        let rows: [Row; 7] = [
            ("in order", [low, mid, top], None, [0, 1, 2], [true; 3], (2, Why::Best), Why::Way),
            ("in none", [top, low, mid], None, [1, 2, 0], [true; 3], (2, Why::Best), Why::Way),
            (
                "a grant, sound counts",
                [low, mid, top],
                Some(540),
                [0, 1, 2],
                [true, true, false],
                (1, Why::Grant),
                Why::Way,
            ),
            ("less", [low, mid, top], Some(539), [0, 1, 2], [true, false, false], (0, Why::Grant), Why::Grant),
            ("too little", [low, mid, top], Some(100), [0, 1, 2], [true, false, false], (0, Why::Least), Why::Least),
            ("one is off", [low, mid, off(top)], None, [0, 1, 2], [true, true, false], (1, Why::Best), Why::Way),
            (
                "all are off",
                [off(low), off(mid), off(top)],
                None,
                [0, 1, 2],
                [false; 3],
                (2, Why::NothingSent),
                Why::NothingSent,
            ),
        ];
        for (name, layers, ceiling, places, active, (best, why), lowest) in rows {
            let publisher = publish(&layers);
            let mut ladder = Ladder::default();
            assert!(ladder.look(&publisher.stream().renditions(), ceiling), "{name}: it is new");
            assert!(!ladder.look(&publisher.stream().renditions(), ceiling), "{name}: it is the same");
            assert_eq!((0..3).map(|rung| ladder.rendition(rung)).collect::<Vec<_>>(), places, "{name}");
            assert!((0..3).all(|rung| ladder.rung(ladder.rendition(rung)) == rung), "{name}");
            assert_eq!(ladder.rungs().iter().map(|rung| rung.active).collect::<Vec<_>>(), active, "{name}");
            assert_eq!(ladder.rungs()[0].bits_per_second, layers[places[0]].1 * 1_000, "{name}: without the sound");
            assert_eq!((ladder.why(best, true), ladder.why(0, true)), (why, lowest), "{name}");
        }
    }

    #[test]
    fn a_rendition_whose_size_is_known_late_finds_its_place() {
        let publisher = publish(&[(320, 150, true), (0, 2_500, true), (640, 500, true)]);
        let mut ladder = Ladder::default();
        ladder.look(&publisher.stream().renditions(), None);
        assert_eq!((ladder.rung(1), ladder.rung(2)), (0, 2));
        set(&publisher, &[(320, 150, true), (1_280, 2_500, true), (640, 500, true)]);
        assert!(ladder.look(&publisher.stream().renditions(), None));
        assert_eq!((ladder.rung(1), ladder.rung(2)), (2, 1));
    }

    #[test]
    fn equal_sizes_keep_their_order_while_rates_waver() {
        let publisher = publish(&[(640, 500, true), (640, 900, true), (320, 100, true)]);
        let mut ladder = Ladder::default();
        ladder.look(&publisher.stream().renditions(), None);
        assert_eq!((ladder.rendition(1), ladder.rendition(2)), (0, 1));
        for (first, second) in [(600, 300), (899, 0), (0, 500)] {
            set(&publisher, &[(640, first, true), (640, second, second > 0), (320, 100, true)]);
            assert!(!ladder.look(&publisher.stream().renditions(), None), "{first} {second}");
        }
        let words = ladder.why(0, false).words();
        assert!(words.contains("until it is known"), "{words}");
    }
}
