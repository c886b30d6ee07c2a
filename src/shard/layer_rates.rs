//! How much each layer of a publisher's picture takes, once a second.

use crate::hub::LayerTable;
use crate::media::{LayerId, MAX_LAYERS};
use std::time::Duration;

/// A layer that was not sent for so many seconds is gone.
const SILENCE: u8 = 2;

/// Bytes of each spatial and temporal layer since the last measurement, and for how many it was silent.
#[derive(Clone, Copy, Debug, Default)]
pub struct LayerRates([[(u64, u8); MAX_LAYERS]; MAX_LAYERS]);

impl LayerRates {
    pub fn count(&mut self, layer: LayerId, bytes: usize) {
        self.0[usize::from(layer.spatial())][usize::from(layer.temporal())].0 += bytes as u64;
    }

    /// Brings the table up to date, and starts anew.
    pub fn measure(&mut self, elapsed: Duration, table: &LayerTable) {
        for (spatial, layers) in (0u8..).zip(&mut self.0) {
            for (temporal, (bytes, silent)) in (0u8..).zip(layers) {
                let layer = LayerId::new(spatial, temporal);
                let before = table.bits(layer) as f64;
                let now = (std::mem::take(bytes) * 8) as f64 / elapsed.as_secs_f64();
                *silent = if now > 0.0 { 0 } else { silent.saturating_add(1) };
                let gone = *silent >= SILENCE;
                let mean = if before <= 1.0 { now } else { before * 0.6 + now * 0.4 };
                if before > 0.0 || now > 0.0 {
                    table.set_bitrate(layer, if gone { 0 } else { (mean as u64).max(1) });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_that_is_not_sent_any_more_goes() {
        let (mut rates, table, second) = (LayerRates::default(), LayerTable::default(), Duration::from_secs(1));
        let (low, high) = (LayerId::new(0, 0), LayerId::new(1, 2));
        for _ in 0..3 {
            rates.count(low, 1_000);
            rates.count(high, 4_000);
            rates.measure(second, &table);
        }
        assert_eq!((table.bits(low), table.bits(high), table.bits(LayerId::new(0, 1))), (8_000, 32_000, 0));
        rates.count(low, 1_000);
        rates.measure(second, &table);
        assert!(table.bits(high) > 0, "it may pause");
        rates.measure(second, &table);
        assert_eq!(table.bits(high), 0);
        assert!(table.bits(low) > 0);
    }
}
