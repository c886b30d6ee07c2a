//! The fragments of an MP4 file (`moof`): their samples.

use super::mp4::damaged;
use super::mp4_samples::Sample;
use super::{ContainerError, MAX_FRAMES};
use mp4_atom::{Traf, Trex};

/// In the flags of a sample: it depends on others (ISO/IEC 14496-12, 8.8.3.1).
const IS_NON_SYNC: u32 = 0x0001_0000;

/// Adds the samples of one track fragment, whose `moof` box starts at `start`; returns the time when it ends.
pub(super) fn fragment_samples(
    samples: &mut Vec<Sample>,
    start: u64,
    traf: &Traf,
    defaults: Option<&Trex>,
    expected: u64,
) -> Result<u64, ContainerError> {
    let head = &traf.tfhd;
    let duration = head.default_sample_duration.or(defaults.map(|trex| trex.default_sample_duration)).unwrap_or(0);
    let size = head.default_sample_size.or(defaults.map(|trex| trex.default_sample_size)).unwrap_or(0);
    let flags = head.default_sample_flags.or(defaults.map(|trex| trex.default_sample_flags)).unwrap_or(0);
    let base = head.base_data_offset.unwrap_or(start);
    let mut time = traf.tfdt.as_ref().map_or(expected, |tfdt| tfdt.base_media_decode_time);
    let mut offset = base;
    for run in &traf.trun {
        if samples.len().saturating_add(run.samples.len()) > MAX_FRAMES {
            return Err(damaged(format!("a fragment has more than {MAX_FRAMES} samples")));
        }
        if let Some(moved) = run.data_offset {
            let from_base = base.checked_add_signed(i64::from(moved));
            offset = from_base.ok_or_else(|| damaged("a fragment places its data before the file"))?;
        }
        for entry in &run.samples {
            let sample = Sample {
                offset,
                size: entry.size.unwrap_or(size),
                decode_time: time,
                duration: entry.duration.unwrap_or(duration),
                composition: entry.cts.unwrap_or(0),
                sync: entry.flags.unwrap_or(flags) & IS_NON_SYNC == 0,
            };
            offset = offset.saturating_add(u64::from(sample.size));
            time = time.saturating_add(u64::from(sample.duration));
            samples.push(sample);
        }
    }
    Ok(time)
}
