//! The layers of one encoded picture: resolutions (spatial) and frame rates (temporal) that build on each other.

use std::fmt;

/// Layers of each kind that are told apart. What is above counts as the highest of them.
pub const MAX_LAYERS: usize = 4;

const TOP: u8 = MAX_LAYERS as u8 - 1;

/// A spatial and a temporal layer, each from 0 to 3. As the layer of a packet: where it belongs. As what a viewer gets: it and all
/// below it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct LayerId(u8);

impl LayerId {
    /// All layers.
    pub const ALL: LayerId = LayerId(TOP << 4 | TOP);

    /// Numbers above 3 become 3.
    pub const fn new(spatial: u8, temporal: u8) -> LayerId {
        const fn bounded(layer: u8) -> u8 {
            if layer > TOP { TOP } else { layer }
        }
        LayerId(bounded(spatial) << 4 | bounded(temporal))
    }

    pub const fn spatial(self) -> u8 {
        self.0 >> 4
    }

    pub const fn temporal(self) -> u8 {
        self.0 & 0x0f
    }

    /// Whether a viewer who gets this and all below gets `layer`.
    pub const fn includes(self, layer: LayerId) -> bool {
        layer.spatial() <= self.spatial() && layer.temporal() <= self.temporal()
    }

    /// The lower of both, for each kind.
    pub fn min(self, other: LayerId) -> LayerId {
        LayerId::new(self.spatial().min(other.spatial()), self.temporal().min(other.temporal()))
    }
}

impl fmt::Display for LayerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}t{}", self.spatial(), self.temporal())
    }
}

impl fmt::Debug for LayerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether more frames a second can be had from a frame on, without a keyframe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Upward {
    /// Not that anybody knows.
    #[default]
    No,
    /// From this frame on, if one has had all layers below its own: it refers to frames of the lowest layer alone (Y of VP8, RFC 7741,
    /// 4.2).
    Here,
    /// After this frame: what comes later refers to nothing of a higher temporal layer from before it (U of VP9, RFC 9628, 4.2; switch
    /// indications of AV1).
    After,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_include_those_below() {
        let rows = [((0, 0), (0, 0), true), ((1, 2), (1, 2), true), ((1, 2), (2, 0), false), ((2, 0), (0, 1), false)];
        for ((s, t), (spatial, temporal), expected) in rows {
            assert_eq!(LayerId::new(s, t).includes(LayerId::new(spatial, temporal)), expected, "s{s}t{t}");
        }
        assert_eq!(LayerId::new(7, 9), LayerId::ALL);
        assert_eq!(LayerId::new(2, 0).min(LayerId::new(1, 2)), LayerId::new(1, 0));
        assert_eq!(LayerId::new(1, 2).to_string(), "s1t2");
    }
}
