//! The sample tables of an MP4 track: where its samples are, and when.

use super::mp4::damaged;
use super::{ContainerError, MAX_FRAMES};
use mp4_atom::{StszSamples, Trak};

/// One sample, in ticks of its track's timescale.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub offset: u64,
    pub size: u32,
    pub decode_time: u64,
    pub duration: u32,
    /// From decoding to showing.
    pub composition: i64,
    /// Decoding can start here.
    pub sync: bool,
}

/// The samples that the `moov` box lists; a fragmented file has none there.
pub(super) fn table_samples(trak: &Trak) -> Result<Vec<Sample>, ContainerError> {
    let table = &trak.mdia.minf.stbl;
    let id = trak.tkhd.track_id;
    let count = match &table.stsz.samples {
        StszSamples::Identical { count, .. } => *count as usize,
        StszSamples::Different { sizes } => sizes.len(),
    };
    if count > MAX_FRAMES {
        return Err(damaged(format!("track {id} has more than {MAX_FRAMES} samples")));
    }
    let size_of = |index: usize| match &table.stsz.samples {
        StszSamples::Identical { size, .. } => *size,
        StszSamples::Different { sizes } => sizes[index],
    };
    let chunks: Vec<u64> = match (&table.stco, &table.co64) {
        (_, Some(long)) => long.entries.clone(),
        (Some(short), None) => short.entries.iter().map(|&offset| u64::from(offset)).collect(),
        (None, None) => Vec::new(),
    };

    let mut samples = Vec::new();
    let mut runs = table.stsc.entries.iter().peekable();
    let mut per_chunk = 0;
    for (index, &chunk) in chunks.iter().enumerate() {
        while let Some(run) = runs.next_if(|run| run.first_chunk as usize <= index + 1) {
            per_chunk = run.samples_per_chunk;
        }
        let mut offset = chunk;
        for _ in 0..per_chunk {
            if samples.len() == count {
                break;
            }
            let size = size_of(samples.len());
            samples.push(Sample { offset, size, decode_time: 0, duration: 0, composition: 0, sync: true });
            offset = offset.saturating_add(u64::from(size));
        }
    }
    if samples.len() < count {
        return Err(damaged(format!("track {id} lists {count} samples but places only {}", samples.len())));
    }
    set_times(&mut samples, trak);
    Ok(samples)
}

fn set_times(samples: &mut [Sample], trak: &Trak) {
    let table = &trak.mdia.minf.stbl;
    let mut durations = table.stts.entries.iter().flat_map(|entry| repeat(entry.sample_delta, entry.sample_count));
    let compositions = table.ctts.iter().flat_map(|ctts| &ctts.entries);
    let mut compositions = compositions.flat_map(|entry| repeat(entry.sample_offset, entry.sample_count));
    let mut time = 0u64;
    for sample in &mut *samples {
        sample.decode_time = time;
        sample.duration = durations.next().unwrap_or(0);
        sample.composition = compositions.next().unwrap_or(0);
        time = time.saturating_add(u64::from(sample.duration));
    }
    // Without the box every sample is one where decoding can start.
    if let Some(sync) = &table.stss {
        samples.iter_mut().for_each(|sample| sample.sync = false);
        for &number in &sync.entries {
            if let Some(sample) = (number as usize).checked_sub(1).and_then(|index| samples.get_mut(index)) {
                sample.sync = true;
            }
        }
    }
}

fn repeat<T: Copy>(value: T, count: u32) -> impl Iterator<Item = T> {
    std::iter::repeat_n(value, count as usize)
}

/// How far the edit list moves a track, in ticks of its timescale: an empty edit delays it, a media time cuts its start.
pub(super) fn edit_offset(trak: &Trak, movie_timescale: u32) -> i64 {
    let Some(edits) = trak.edts.as_ref().and_then(|edts| edts.elst.as_ref()) else { return 0 };
    let mut offset = 0i128;
    for edit in &edits.entries {
        match edit.media_time {
            None => {
                let ticks = i128::from(edit.segment_duration) * i128::from(trak.mdia.mdhd.timescale);
                offset += ticks / i128::from(movie_timescale.max(1));
            }
            Some(start) => {
                offset -= i128::from(start);
                break;
            }
        }
    }
    i64::try_from(offset).unwrap_or(0)
}
