//! The dependency descriptor (AV1 RTP specification 1.0, appendix A): the layer of each packet, beside its payload.
//!
//! Only what forwarding needs is kept: the layers of the templates and what each decode target makes of them. Which frame refers to which
//! is passed over.

use super::facts::LayerSizes;
use crate::media::{LayerId, MAX_LAYERS, Upward};
use crate::protocol::bitstream::BitReader;

/// Templates of a structure: their id has six bits.
const MAX_TEMPLATES: usize = 64;
/// Decode targets of a structure: their count has five bits.
const MAX_TARGETS: usize = 32;

/// Decode target indications (A.8.3), two bits each.
const NOT_PRESENT: u8 = 0;
const SWITCH: u8 = 2;

/// What the descriptor of one packet tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Described {
    pub layer: LayerId,
    /// First packet of its layer of the picture.
    pub begins: bool,
    /// Last packet of its layer of the picture.
    pub ends: bool,
    pub upward: Upward,
    /// Width and height of each spatial layer, where the packet brings a structure that tells them.
    pub sizes: Option<LayerSizes>,
}

/// Reads the descriptors of one track. Keyframes bring the structure that those of later packets refer to.
#[derive(Clone, Debug, Default)]
pub struct Dependencies {
    structure: Option<Structure>,
}

#[derive(Clone, Debug)]
struct Structure {
    /// Id of the first template.
    offset: u8,
    templates: Vec<Template>,
    /// The layers of each decode target: it and all below.
    targets: Vec<LayerId>,
    sizes: Option<LayerSizes>,
}

#[derive(Clone, Copy, Debug)]
struct Template {
    layer: LayerId,
    indications: Indications,
}

/// What a frame is to each decode target.
#[derive(Clone, Copy, Debug)]
struct Indications([u8; MAX_TARGETS]);

impl Dependencies {
    /// Whether the structure has several spatial layers.
    pub fn has_spatial_layers(&self) -> bool {
        let templates = self.structure.iter().flat_map(|structure| &structure.templates);
        templates.map(|template| template.layer.spatial()).max() > Some(0)
    }

    /// Reads the value of the header extension. `None` where it is broken, or refers to a structure that never came.
    pub fn read(&mut self, value: &[u8]) -> Option<Described> {
        let [head, _, _, ..] = value else { return None };
        let (begins, ends, template) = (head & 0x80 != 0, head & 0x40 != 0, head & 0x3f);
        let mut own = None;
        let mut sizes = None;
        if let Some(rest) = value.get(3..).filter(|rest| !rest.is_empty()) {
            let mut reader = BitReader::plain(rest);
            let (has_structure, has_active) = (reader.flag()?, reader.flag()?);
            let has_indications = reader.flag()?;
            // References and chains of the frame's own come last.
            reader.skip(2)?;
            if has_structure {
                let structure = Structure::read(&mut reader)?;
                sizes = structure.sizes;
                self.structure = Some(structure);
            }
            let targets = self.structure.as_ref()?.targets.len();
            if has_active {
                reader.skip(targets as u32)?;
            }
            if has_indications {
                own = Some(Indications::read(&mut reader, targets)?);
            }
        }
        let structure = self.structure.as_ref()?;
        let index = (template + MAX_TEMPLATES as u8 - structure.offset) % MAX_TEMPLATES as u8;
        let template = structure.templates.get(usize::from(index))?;
        let indications = own.unwrap_or(template.indications);
        let upward = structure.upward(template.layer, &indications);
        Some(Described { layer: template.layer, begins, ends, upward, sizes })
    }
}

impl Structure {
    /// A.8.2: template_dependency_structure.
    fn read(reader: &mut BitReader<'_>) -> Option<Structure> {
        let offset = reader.bits(6)? as u8;
        let targets = reader.bits(5)? as usize + 1;
        let layers = layers(reader)?;
        let mut templates = Vec::with_capacity(layers.len());
        for layer in layers {
            templates.push(Template { layer, indications: Indications::read(reader, targets)? });
        }
        for _ in &templates {
            // One bit before each reference, and a last one.
            while reader.flag()? {
                reader.skip(4)?;
            }
        }
        let chains = non_symmetric(reader, targets as u32 + 1)?;
        if chains > 0 {
            for _ in 0..targets {
                non_symmetric(reader, chains)?;
            }
            reader.skip(4 * chains * templates.len() as u32)?;
        }
        let highest = templates.iter().map(|template| template.layer.spatial()).max()?;
        let mut sizes = None;
        if reader.flag()? {
            let sizes = sizes.insert([None; MAX_LAYERS]);
            for size in &mut sizes[..=usize::from(highest)] {
                let (width, height) = (reader.bits(16)? + 1, reader.bits(16)? + 1);
                *size = u16::try_from(width).ok().zip(u16::try_from(height).ok());
            }
        }
        let target = |target: usize| {
            let parts = templates.iter().filter(|template| template.indications.0[target] != NOT_PRESENT);
            parts.fold(LayerId::default(), |all, template| {
                let layer = template.layer;
                LayerId::new(all.spatial().max(layer.spatial()), all.temporal().max(layer.temporal()))
            })
        };
        Some(Structure { offset, targets: (0..targets).map(target).collect(), templates, sizes })
    }

    /// A frame of `layer` lets viewers go up where it is a switch for each target of its size that has more frames.
    fn upward(&self, layer: LayerId, indications: &Indications) -> Upward {
        let higher = |target: &LayerId| target.spatial() == layer.spatial() && target.temporal() > layer.temporal();
        let mut of_higher = self.targets.iter().zip(&indications.0).filter(|(target, _)| higher(target)).peekable();
        if of_higher.peek().is_some() && of_higher.all(|(_, indication)| *indication == SWITCH) {
            Upward::After
        } else {
            Upward::No
        }
    }
}

impl Indications {
    fn read(reader: &mut BitReader<'_>, targets: usize) -> Option<Indications> {
        let mut indications = [NOT_PRESENT; MAX_TARGETS];
        for indication in indications.iter_mut().take(targets) {
            *indication = reader.bits(2)? as u8;
        }
        Some(Indications(indications))
    }
}

/// The layers of the templates (A.8.2: template_layers), in order: each is as the one before, or of the next temporal or spatial layer.
fn layers(reader: &mut BitReader<'_>) -> Option<Vec<LayerId>> {
    let (mut spatial, mut temporal) = (0u8, 0u8);
    let mut layers = Vec::new();
    loop {
        if layers.len() == MAX_TEMPLATES {
            return None;
        }
        layers.push(LayerId::new(spatial, temporal));
        match reader.bits(2)? {
            0 => {}
            1 => temporal = temporal.saturating_add(1),
            2 => (spatial, temporal) = (spatial.saturating_add(1), 0),
            _ => return (usize::from(spatial) < MAX_LAYERS).then_some(layers),
        }
    }
}

/// A number below `count`, which is not 0 (AV1 bitstream specification, 4.10.7: ns(n)).
fn non_symmetric(reader: &mut BitReader<'_>, count: u32) -> Option<u32> {
    let bits = u32::BITS - count.leading_zeros();
    let short = (1u32 << bits) - count;
    let value = reader.bits(bits - 1)?;
    if value < short { Some(value) } else { Some((value << 1 | u32::from(reader.flag()?)) - short) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes descriptors as A.8 has them.
    #[derive(Default)]
    struct Bits(Vec<bool>);

    impl Bits {
        fn put(&mut self, value: u32, count: u32) -> &mut Self {
            self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
            self
        }

        fn bytes(&self) -> Vec<u8> {
            let byte = |bits: &[bool]| bits.iter().enumerate().map(|(at, bit)| u8::from(*bit) << (7 - at)).sum();
            self.0.chunks(8).map(byte).collect()
        }
    }

    const NO: u32 = 0;
    const LEAVE: u32 = 1;
    const MAY_SWITCH: u32 = 2;
    const NEED: u32 = 3;

    /// Two sizes at two frame rates, as browsers send them; ids from 62 on, over their wrap. Each template: what comes after it in
    /// the order of layers, and what it is to the targets s0t0, s0t1, s1t0, s1t1.
    const TEMPLATES: [(u32, [u32; 4]); 6] = [
        (0, [MAY_SWITCH; 4]),
        (1, [MAY_SWITCH, MAY_SWITCH, NEED, NEED]),
        (2, [NO, LEAVE, NO, NEED]),
        (0, [NO, NO, MAY_SWITCH, MAY_SWITCH]),
        (1, [NO, NO, MAY_SWITCH, MAY_SWITCH]),
        (3, [NO, NO, NO, LEAVE]),
    ];

    fn keyframe(sizes: &[(u32, u32)]) -> Vec<u8> {
        let mut bits = Bits::default();
        bits.put(0b11, 2).put(62, 6).put(100, 16);
        // A structure, and which targets are active.
        bits.put(0b11000, 5).put(62, 6).put(3, 5);
        for (next, _) in TEMPLATES {
            bits.put(next, 2);
        }
        for indication in TEMPLATES.iter().flat_map(|(_, indications)| indications) {
            bits.put(*indication, 2);
        }
        // References: none, one, two, ...
        for count in [0, 1, 2, 1, 2, 0] {
            for _ in 0..count {
                bits.put(1, 1).put(3, 4);
            }
            bits.put(0, 1);
        }
        // Two chains of five possible counts (ns(5): 2 is 10), which protect the targets (ns(2): one bit).
        bits.put(2, 2).put(0b0011, 4);
        for _ in 0..TEMPLATES.len() * 2 {
            bits.put(7, 4);
        }
        bits.put(u32::from(!sizes.is_empty()), 1);
        for (width, height) in sizes {
            bits.put(width - 1, 16).put(height - 1, 16);
        }
        bits.put(0b1111, 4);
        bits.bytes()
    }

    fn delta(template: u32, flags: u32) -> [u8; 3] {
        [((flags << 6) | ((62 + template) % 64)) as u8, 0, 101]
    }

    #[test]
    fn templates_tell_the_layer_of_each_packet() {
        let mut dependencies = Dependencies::default();
        assert_eq!(dependencies.read(&delta(0, 3)), None, "no structure yet");
        let first = dependencies.read(&keyframe(&[(320, 180), (640, 360)])).unwrap();
        let sizes = Some([Some((320, 180)), Some((640, 360)), None, None]);
        let expected = Described { layer: LayerId::default(), begins: true, ends: true, upward: Upward::After, sizes };
        assert_eq!(first, expected);
        let rows = [
            (1, (0, 0), Upward::After),
            (2, (0, 1), Upward::No),
            (3, (1, 0), Upward::After),
            (4, (1, 0), Upward::After),
            (5, (1, 1), Upward::No),
        ];
        for (template, (spatial, temporal), upward) in rows {
            for (flags, begins, ends) in [(2, true, false), (0, false, false), (1, false, true)] {
                let expected = Described { layer: LayerId::new(spatial, temporal), begins, ends, upward, sizes: None };
                assert_eq!(dependencies.read(&delta(template, flags)), Some(expected), "{template}");
            }
        }
        assert_eq!(dependencies.read(&delta(6, 3)), None, "there is no such template");
        assert_eq!(dependencies.read(&keyframe(&[])).unwrap().sizes, None);
    }

    /// The first packets of a Chromium that sends AV1 as `L2T2`.
    #[test]
    fn packets_of_a_browser() {
        let keyframe = [
            0x80, 0x00, 0x01, 0xc0, 0x03, 0x18, 0x7a, 0xaa, 0xf1, 0x30, 0xa0, 0xa0, 0x14, 0xd1, 0x41, 0x38, 0x23, 0x04,
            0x60, 0x08, 0x64, 0x22, 0x22, 0x26, 0x50, 0x13, 0xf0, 0x0b, 0x30, 0x27, 0xf0, 0x16, 0x73,
        ];
        let mut dependencies = Dependencies::default();
        let first = dependencies.read(&keyframe).unwrap();
        assert_eq!((first.begins, first.ends), (true, false));
        assert_eq!(first.sizes, Some([Some((320, 180)), Some((640, 360)), None, None]));
        assert!(dependencies.has_spatial_layers());
        let rows: [(&[u8], &str, Upward, bool, bool); 9] = [
            (&[0x40, 0, 1], "s0t0", Upward::After, false, true),
            (&[0xc2, 0, 2, 0x5f, 0xa0, 0x00, 0x80, 0x80], "s0t1", Upward::No, true, true),
            (&[0xc1, 0, 3, 0x5f, 0xa2, 0x01, 0x01, 0x00], "s0t0", Upward::After, true, true),
            (&[0x83, 0, 4], "s1t0", Upward::After, true, false),
            (&[0x03, 0, 4], "s1t0", Upward::After, false, false),
            (&[0x43, 0, 4], "s1t0", Upward::After, false, true),
            (&[0xc2, 0, 5], "s0t1", Upward::No, true, true),
            (&[0xc5, 0, 6], "s1t1", Upward::No, true, true),
            (&[0xc1, 0, 7], "s0t0", Upward::After, true, true),
        ];
        for (value, layer, upward, begins, ends) in rows {
            let found = dependencies.read(value).unwrap();
            let told = (found.layer.to_string(), found.upward, found.begins, found.ends);
            assert_eq!(told, (layer.to_owned(), upward, begins, ends), "{value:02x?}");
        }
    }

    #[test]
    fn a_frame_may_say_for_itself_what_it_is() {
        let mut dependencies = Dependencies::default();
        dependencies.read(&keyframe(&[])).unwrap();
        let mut bits = Bits::default();
        // Own indications: no switch for s0t1.
        bits.put(0b10, 2).put(63, 6).put(101, 16).put(0b00100, 5);
        for indication in [MAY_SWITCH, NEED, NEED, NEED] {
            bits.put(indication, 2);
        }
        let described = dependencies.read(&bits.bytes()).unwrap();
        assert_eq!((described.layer, described.upward), (LayerId::new(0, 0), Upward::No));
        assert_eq!(dependencies.read(&delta(1, 3)).unwrap().upward, Upward::After, "that one alone");
    }

    #[test]
    fn what_is_broken_is_not_believed_and_changes_nothing() {
        let whole = keyframe(&[(320, 180), (640, 360)]);
        let mut dependencies = Dependencies::default();
        dependencies.read(&whole).unwrap();
        for length in 0..whole.len() - 1 {
            if length != 3 {
                assert_eq!(dependencies.read(&whole[..length]), None, "{length}");
            }
            assert!(dependencies.read(&delta(5, 3)).is_some());
        }
        // 64 templates, and no end of them.
        let endless: Vec<u8> = [0xc0, 0, 0, 0x80, 0x00].into_iter().chain([0; 60]).collect();
        assert_eq!(Dependencies::default().read(&endless), None);
        let mut state = 7u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        for round in 0..20_000usize {
            let mut value: Vec<u8> = (0..round % 90).map(|_| next()).collect();
            if let Some(byte) = value.get_mut(3) {
                *byte |= 0x80;
            }
            _ = dependencies.read(&value);
        }
    }

    #[test]
    fn numbers_of_any_range() {
        // ns(5): 00 01 10 110 111.
        for (bits, count, expected) in [(0b000, 3, 0), (0b010, 3, 1), (0b100, 3, 2), (0b110, 3, 3), (0b111, 3, 4)] {
            let bytes = Bits::default().put(bits, count).bytes();
            assert_eq!(non_symmetric(&mut BitReader::plain(&bytes), 5), Some(expected));
        }
        assert_eq!(non_symmetric(&mut BitReader::plain(&[]), 1), Some(0));
    }
}
