//! Opus: 48 kHz stereo in frames of 20 ms.

use super::CodecError;
use bytes::Bytes;

/// Samples a second.
pub const SAMPLE_RATE: u32 = 48_000;
/// Samples of each channel in a frame.
pub const FRAME_SAMPLES: usize = 960;
/// Largest packet that is made in bytes: an Opus frame takes at most 1275 (RFC 6716, 3.2.1).
const MAX_PACKET: usize = 1_275;
/// Longest packet that can be decoded: 120 ms.
const MAX_DECODED: usize = 5_760;

/// Encodes stereo sound.
pub struct Encoder {
    encoder: ::opus::Encoder,
    buffer: Box<[u8; MAX_PACKET]>,
}

impl Encoder {
    /// An encoder at `bitrate` bits a second (6,000 to 510,000), with in-band error correction.
    pub fn new(bitrate: u32) -> Result<Self, CodecError> {
        let mut encoder = ::opus::Encoder::new(SAMPLE_RATE, ::opus::Channels::Stereo, ::opus::Application::Audio)?;
        encoder.set_bitrate(::opus::Bitrate::Bits(bitrate.clamp(6_000, 510_000) as i32))?;
        encoder.set_inband_fec(true)?;
        encoder.set_packet_loss_perc(5)?;
        Ok(Encoder { encoder, buffer: Box::new([0; MAX_PACKET]) })
    }

    /// Encodes one frame: `2 * FRAME_SAMPLES` values, left and right in turn.
    pub fn encode(&mut self, samples: &[i16]) -> Result<Bytes, CodecError> {
        let length = self.encoder.encode(samples, &mut self.buffer[..])?;
        Ok(Bytes::copy_from_slice(&self.buffer[..length]))
    }
}

/// Decodes to stereo.
pub struct Decoder {
    decoder: ::opus::Decoder,
}

impl Decoder {
    /// A decoder that has heard nothing.
    pub fn new() -> Result<Self, CodecError> {
        Ok(Decoder { decoder: ::opus::Decoder::new(SAMPLE_RATE, ::opus::Channels::Stereo)? })
    }

    /// The samples of a packet, left and right in turn.
    pub fn decode(&mut self, packet: &[u8]) -> Result<Vec<i16>, CodecError> {
        let mut samples = vec![0; 2 * MAX_DECODED];
        let length = self.decoder.decode(packet, &mut samples, false)?;
        samples.truncate(2 * length);
        Ok(samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::tone::Tone;

    #[test]
    fn sound_survives() {
        let (mut tone, mut encoder, mut decoder) =
            (Tone::new(), Encoder::new(64_000).expect("it opens"), Decoder::new().expect("it opens"));
        let mut samples = [0; 2 * FRAME_SAMPLES];
        let mut energy = 0.0;
        for frame in 0..25u64 {
            tone.fill(&mut samples, 1_000_000_000 + frame * 20_000_000);
            let packet = encoder.encode(&samples).expect("it encodes");
            assert!((60..400).contains(&packet.len()), "{}", packet.len());
            let decoded = decoder.decode(&packet).expect("it decodes");
            assert_eq!(decoded.len(), 2 * FRAME_SAMPLES);
            energy = decoded.iter().map(|&sample| f32::from(sample).powi(2)).sum::<f32>() / decoded.len() as f32;
        }
        // Two sines of -20 dBFS.
        assert!((2_000.0..2_600.0).contains(&energy.sqrt()), "{}", energy.sqrt());
        assert!(encoder.encode(&samples[..100]).is_err());
        _ = decoder.decode(&[0xff; 40]);
    }
}
