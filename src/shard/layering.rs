//! Which layers of its stream's picture a viewer asked for, which it gets, and which it is to get.

use super::lane::Lane;
use super::slot::SlotState;
use super::worker::Worker;
use crate::hub::{Thinned, ladder};
use crate::media::{LayerId, MediaKind};
use std::sync::atomic::{AtomicU16, Ordering};

/// The layers that a viewer asked for and those that it gets; `LayerId::ALL` where nobody thins.
#[derive(Debug)]
pub(super) struct Layering {
    asked: AtomicU16,
    given: AtomicU16,
}

impl Default for Layering {
    fn default() -> Self {
        Layering { asked: AtomicU16::new(pack(LayerId::ALL)), given: AtomicU16::new(pack(LayerId::ALL)) }
    }
}

impl Layering {
    pub(super) fn asked(&self) -> LayerId {
        unpack(self.asked.load(Ordering::Relaxed))
    }

    pub(super) fn ask(&self, layers: LayerId) {
        self.asked.store(pack(layers), Ordering::Relaxed);
    }

    pub(super) fn given(&self) -> LayerId {
        unpack(self.given.load(Ordering::Relaxed))
    }

    fn give(&self, layers: LayerId) {
        self.given.store(pack(layers), Ordering::Relaxed);
    }
}

fn pack(layers: LayerId) -> u16 {
    u16::from(layers.spatial()) << 8 | u16::from(layers.temporal())
}

fn unpack(bits: u16) -> LayerId {
    LayerId::new((bits >> 8) as u8, bits as u8)
}

impl Worker {
    /// Finds which layers a viewer is to get, and asks for the keyframe that it may take.
    pub(super) fn thin(&mut self, slot: usize) {
        let SlotState::Viewing { key, index, .. } = self.slots[slot].state else { return };
        let Some(stream) = self.streams.get_mut(&key) else { return };
        let session = &self.slots[slot].session;
        let lanes = &mut stream.viewers[index].lanes;
        let (mut asked, ceiling) = (session.layering.asked(), session.ceiling());
        let apart = stream.stream.stats.layers.are_apart();
        // It would see the lowest alone in any case, and ask for keyframes without end.
        let joins = lanes.iter().all(Lane::joins_layers) || !stream.stream.has_spatial_layers();
        if !joins && asked.spatial() == LayerId::ALL.spatial() {
            asked = LayerId::new(0, asked.temporal());
        }
        let is_thinned = lanes.iter().any(|lane| lane.thinned().is_some());
        let climber = self.climbers.get_mut(&slot);
        if asked == LayerId::ALL && ceiling.is_none() && !is_thinned && !apart && climber.is_none() {
            return;
        }
        let all = stream.stream.layers();
        let layers = choose_layers(&all, asked, ceiling, session.layering.given());
        let layers = match climber {
            Some(climber) => climber.look(&all, asked, layers),
            None => layers,
        };
        let mut keyframe_wanted = false;
        for lane in lanes.iter_mut().filter(|lane| lane.kind == MediaKind::Video) {
            lane.thin(layers, apart);
            let (present, needs_keyframe) = lane.thinned().unwrap_or((LayerId::ALL, false));
            session.layering.give(if lane.has_started() { present } else { layers });
            keyframe_wanted |= needs_keyframe;
        }
        if keyframe_wanted {
            stream.stream.request_repair();
        }
    }
}

/// The layers to give. `ceiling_kbps`: the most that the viewer's grant has; a step that it has by now may be a quarter above.
fn choose_layers(all: &[Thinned], asked: LayerId, ceiling_kbps: Option<u32>, present: LayerId) -> LayerId {
    let Some(ceiling) = ceiling_kbps.map(|kbps| u64::from(kbps) * 1_000) else { return asked };
    let whole = |one: &Thinned| if present.includes(one.layers) { one.bitrate * 4 / 5 } else { one.bitrate };
    let steps = ladder(all);
    let Some(top) = steps.last() else { return asked };
    let fits = steps.iter().rfind(|one| asked.includes(one.layers) && whole(one) <= ceiling);
    let chosen = fits.or(steps.first()).map_or(LayerId::ALL, |one| one.layers);
    // The top of all leaves nothing out, whatever the publisher adds.
    if chosen == top.layers { asked } else { asked.min(chosen) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grant_chooses_the_step_that_it_allows() {
        let step = |s, t, kbps: u64| Thinned { layers: LayerId::new(s, t), size: None, bitrate: kbps * 1_000 };
        let all =
            [step(0, 0, 60), step(0, 1, 100), step(1, 0, 260), step(1, 1, 400), step(2, 0, 760), step(2, 1, 1_200)];
        let id = LayerId::new;
        let rows = [
            (LayerId::ALL, None, LayerId::ALL, LayerId::ALL),
            (id(1, 0), None, LayerId::ALL, id(1, 0)),
            (LayerId::ALL, Some(2_000), LayerId::ALL, LayerId::ALL),
            (LayerId::ALL, Some(1_000), LayerId::ALL, LayerId::ALL),
            (LayerId::ALL, Some(1_000), id(1, 1), id(1, 1)),
            (LayerId::ALL, Some(300), LayerId::ALL, id(0, 1)),
            (LayerId::ALL, Some(330), id(1, 1), id(1, 1)),
            (LayerId::ALL, Some(10), LayerId::ALL, id(0, 0)),
            (id(0, 3), Some(2_000), LayerId::ALL, id(0, 1)),
            (id(1, 0), Some(300), id(0, 0), id(0, 0)),
        ];
        for (asked, ceiling, present, expected) in rows {
            assert_eq!(choose_layers(&all, asked, ceiling, present), expected, "{asked} {ceiling:?} {present}");
        }
        assert_eq!(choose_layers(&[], LayerId::ALL, Some(10), LayerId::ALL), LayerId::ALL);
    }
}
