//! The table-of-contents byte of an Opus packet (RFC 6716, 3.1).

/// How long a packet lasts, in samples of 48 kHz; `None` where it is no Opus or lasts longer than the 120 ms allowed.
pub fn duration(packet: &[u8]) -> Option<u32> {
    let contents = *packet.first()?;
    let configuration = contents >> 3;
    let frame = match configuration {
        // SILK: 10, 20, 40, 60 ms; hybrid: 10, 20 ms; CELT: 2.5, 5, 10, 20 ms.
        0..=11 => [480, 960, 1_920, 2_880][usize::from(configuration % 4)],
        12..=15 => [480, 960][usize::from(configuration % 2)],
        _ => [120, 240, 480, 960][usize::from(configuration % 4)],
    };
    let count = match contents & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3f),
    };
    Some(frame * count).filter(|samples| (1..=5_760).contains(samples))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        let rows: [(&[u8], Option<u32>); 8] = [
            (&[], None),
            (&[0xfc, 0], Some(960)),
            (&[0xe0], Some(120)),
            (&[0x18], Some(2_880)),
            (&[0x79], Some(1_920)),
            (&[0xfb, 0x83], Some(2_880)),
            (&[0xfb, 0x3f], None),
            (&[0xfb], None),
        ];
        for (packet, expected) in rows {
            assert_eq!(duration(packet), expected, "{packet:02x?}");
        }
    }
}
