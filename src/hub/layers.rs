//! The layers of a stream's picture, as its publisher sends them now, and what viewers may be given of them.

use super::stream::Stream;
use crate::media::{LayerId, MAX_LAYERS};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// Width and height in pixels.
type Size = (u16, u16);

/// Bitrates and sizes of the layers, written by the publisher.
#[derive(Debug, Default)]
pub struct LayerTable {
    /// Bits a second of each spatial and temporal layer by itself; 0: it is not sent.
    bitrates: [[AtomicU64; MAX_LAYERS]; MAX_LAYERS],
    /// Width in the upper, height in the lower 16 bits, by spatial layer; 0 while unknown.
    sizes: [AtomicU32; MAX_LAYERS],
    /// Sizes build on smaller ones at keyframes alone (K-SVC): between those each viewer needs its own.
    apart: AtomicBool,
}

/// A spatial and temporal layer with all below it that it takes: what a viewer may be given of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thinned {
    pub layers: LayerId,
    /// Of the picture; none while unknown.
    pub size: Option<Size>,
    /// Bits a second, of the layers below that it takes as well.
    pub bitrate: u64,
}

impl LayerTable {
    pub fn set_bitrate(&self, layer: LayerId, bits: u64) {
        self.bitrate(layer).store(bits, Ordering::Relaxed);
    }

    /// Notes a layer that has just been seen, if it is new.
    pub fn saw(&self, layer: LayerId) {
        let bitrate = self.bitrate(layer);
        if bitrate.load(Ordering::Relaxed) == 0 {
            bitrate.store(1, Ordering::Relaxed);
        }
    }

    /// Notes whether sizes build on smaller ones at keyframes alone.
    pub fn set_apart(&self, apart: bool) {
        self.apart.store(apart, Ordering::Relaxed);
    }

    /// Whether sizes build on smaller ones at keyframes alone.
    pub fn are_apart(&self) -> bool {
        self.apart.load(Ordering::Relaxed)
    }

    /// Notes the sizes of the spatial layers.
    pub fn set_sizes(&self, sizes: &[Option<Size>; MAX_LAYERS]) {
        for (known, size) in self.sizes.iter().zip(sizes) {
            let size = size.map_or(0, |(width, height)| u32::from(width) << 16 | u32::from(height));
            known.store(size, Ordering::Relaxed);
        }
    }

    /// Bits a second of a layer by itself; 0: it is not sent.
    pub fn bits(&self, layer: LayerId) -> u64 {
        self.bitrate(layer).load(Ordering::Relaxed)
    }

    fn bitrate(&self, layer: LayerId) -> &AtomicU64 {
        &self.bitrates[usize::from(layer.spatial())][usize::from(layer.temporal())]
    }

    fn size(&self, spatial: u8) -> Option<Size> {
        match self.sizes[usize::from(spatial)].load(Ordering::Relaxed) {
            0 => None,
            size => Some(((size >> 16) as u16, size as u16)),
        }
    }

    /// The layers that are sent, lowest first.
    fn sent(&self) -> impl Iterator<Item = LayerId> {
        let all = (0..MAX_LAYERS as u8).flat_map(|s| (0..MAX_LAYERS as u8).map(move |t| LayerId::new(s, t)));
        all.filter(|layer| self.bits(*layer) > 0)
    }
}

impl Stream {
    /// What viewers may be given of its picture, by spatial layer and within that by temporal layer, lowest first. Empty where it
    /// has one layer of each kind, or none was seen yet.
    pub fn layers(&self) -> Vec<Thinned> {
        let table = &self.stats.layers;
        let sent: Vec<LayerId> = table.sent().collect();
        let Some(top) = sent.iter().map(|layer| layer.spatial()).max().filter(|_| sent.len() > 1) else {
            return Vec::new();
        };
        let apart = table.are_apart();
        let thinned = |&layers: &LayerId| {
            let told = table.size(layers.spatial());
            let size = if layers.spatial() == top { told.or(self.picture()) } else { told };
            let taken = |layer: &LayerId| layers.includes(*layer) && (!apart || layer.spatial() == layers.spatial());
            let parts = sent.iter().filter(|layer| taken(layer));
            Thinned { layers, size, bitrate: parts.map(|layer| table.bits(*layer)).sum() }
        };
        sent.iter().map(thinned).collect()
    }

    /// Whether its picture comes in several sizes, or will.
    pub fn has_spatial_layers(&self) -> bool {
        let table = &self.stats.layers;
        table.sizes[1..].iter().any(|size| size.load(Ordering::Relaxed) > 0)
            || table.sent().any(|layer| layer.spatial() > 0)
    }

    /// Bits a second of these layers and all below; 0 while unknown.
    pub fn bitrate_of(&self, layers: LayerId) -> u64 {
        let within = self.layers().into_iter().filter(|one| layers.includes(one.layers)).map(|one| one.bitrate).max();
        within.filter(|_| layers != LayerId::ALL).unwrap_or_else(|| self.stats.bitrate.load(Ordering::Relaxed))
    }
}

/// The steps in which a viewer's bitrate is lowered or raised, least first: sizes at their full frame rate, and below the smallest size
/// its lower frame rates.
pub fn ladder(layers: &[Thinned]) -> Vec<Thinned> {
    let is_fastest = |one: &Thinned| {
        let of_its_size = layers.iter().filter(|other| other.layers.spatial() == one.layers.spatial());
        of_its_size.map(|other| other.layers.temporal()).max() == Some(one.layers.temporal())
    };
    let lowest = layers.first().map_or(0, |one| one.layers.spatial());
    layers.iter().filter(|one| one.layers.spatial() == lowest || is_fastest(one)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Hub, HubLimits};
    use crate::media::{Codec, TrackInfo};

    #[test]
    fn layers_are_told_with_all_below_them() {
        let hub = Hub::new(HubLimits::default());
        let publisher = hub.publish("cam".parse().unwrap(), vec![TrackInfo::new(Codec::Vp9)]).unwrap();
        let stream = publisher.stream();
        let table = &stream.stats.layers;
        table.saw(LayerId::default());
        assert!(stream.layers().is_empty(), "one layer is no choice");
        for (layer, kbps) in [((0, 0), 60), ((0, 1), 40), ((1, 0), 200), ((1, 1), 100), ((2, 0), 500), ((2, 1), 300)] {
            table.set_bitrate(LayerId::new(layer.0, layer.1), kbps * 1_000);
            table.saw(LayerId::new(layer.0, layer.1));
        }
        table.set_sizes(&[Some((320, 180)), Some((640, 360)), None, None]);
        stream.stats.picture.store(1_280 << 16 | 720, Ordering::Relaxed);
        let told = |all: Vec<Thinned>| -> Vec<(String, Option<Size>, u64)> {
            all.iter().map(|one| (one.layers.to_string(), one.size, one.bitrate / 1_000)).collect()
        };
        let row = |name: &str, width: u16, kbps| (name.to_owned(), Some((width, width / 16 * 9)), kbps);
        let all = [
            row("s0t0", 320, 60),
            row("s0t1", 320, 100),
            row("s1t0", 640, 260),
            row("s1t1", 640, 400),
            row("s2t0", 1_280, 760),
            row("s2t1", 1_280, 1_200),
        ];
        assert_eq!(told(stream.layers()), all);
        let steps = ladder(&stream.layers());
        assert_eq!(told(steps).iter().map(|step| &*step.0).collect::<Vec<_>>(), ["s0t0", "s0t1", "s1t1", "s2t1"]);
        table.set_apart(true);
        let own: Vec<u64> = stream.layers().iter().map(|one| one.bitrate / 1_000).collect();
        assert_eq!(own, [60, 100, 200, 300, 500, 800], "smaller sizes are not needed for larger ones");
        table.set_apart(false);
        table.set_bitrate(LayerId::new(2, 0), 0);
        table.set_bitrate(LayerId::new(2, 1), 0);
        assert_eq!(told(stream.layers()), all[..4]);
    }
}
