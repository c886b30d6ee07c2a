//! A number that a machine can read back from a picture: a row of black and white blocks along the upper edge.
//!
//! 44 cells over the whole width: white, black, 32 bits of the number (highest first), 8 bits of checksum, black, white. The
//! row is a thirtieth of the height. It survives coding at low quality and scaling down to a width
//! of 176 pixels, four a cell.

use super::picture::{Area, Color, Picture};

const CELLS: usize = 44;
/// The row takes this part of the height.
const ROWS: usize = 30;
/// Where the number starts, after the two cells that show white and black.
const FIRST_BIT: usize = 2;

const WHITE: Color = Color { y: 235, u: 128, v: 128 };
const BLACK: Color = Color { y: 16, u: 128, v: 128 };

/// Height of the row in pixels in a picture of `height`; even.
pub fn row_height(height: usize) -> usize {
    (height / ROWS).max(4).next_multiple_of(2)
}

/// Draws the number. `drawn` is what the picture already shows, to draw only what changed.
pub fn write(picture: &mut Picture, drawn: Option<u32>, value: u32) {
    let cells = encode(value);
    let before = drawn.map(encode);
    for (index, &white) in cells.iter().enumerate() {
        if before.is_some_and(|before| before[index] == white) {
            continue;
        }
        let (start, end) = (edge(picture.width(), index), edge(picture.width(), index + 1));
        let area = Area { x: start, y: 0, width: end - start, height: row_height(picture.height()) };
        picture.fill(area, if white { WHITE } else { BLACK });
    }
}

/// Reads the number from the luma plane of a picture, whose rows are `stride` bytes apart. `None` where there is no such row,
/// or it is too damaged to be sure.
pub fn read(luma: &[u8], stride: usize, width: usize, height: usize) -> Option<u32> {
    if width < CELLS * 4 || height < ROWS || stride < width || luma.len() < stride.checked_mul(height)? {
        return None;
    }
    let rows = (height / ROWS).max(4).min(height);
    // The middle of each cell: its edges are smeared.
    let level = |index: usize| {
        let (start, end) = (width * index / CELLS, width * (index + 1) / CELLS);
        let inset = (end - start) / 4;
        let columns = start + inset..(end - inset).max(start + inset + 1);
        let lines = rows / 4..(rows - rows / 4).max(rows / 4 + 1);
        let count = (columns.len() * lines.len()) as u32;
        let sum: u32 = lines.map(|line| sum(&luma[line * stride..][columns.clone()])).sum();
        sum / count
    };
    let (white, black) = (level(0), level(1));
    if white < black + 64 {
        return None;
    }
    let is_white = |index| level(index) > u32::midpoint(white, black);
    let bits =
        |start: usize, count: usize| (start..start + count).fold(0u32, |bits, at| bits << 1 | u32::from(is_white(at)));
    let value = bits(FIRST_BIT, 32);
    let check = bits(FIRST_BIT + 32, 8);
    (check == u32::from(checksum(value)) && !is_white(CELLS - 2) && is_white(CELLS - 1)).then_some(value)
}

fn sum(bytes: &[u8]) -> u32 {
    bytes.iter().map(|&byte| u32::from(byte)).sum()
}

fn edge(width: usize, index: usize) -> usize {
    // Even, so that the colour planes have the same edges.
    if index == CELLS { width } else { width * index / CELLS / 2 * 2 }
}

fn encode(value: u32) -> [bool; CELLS] {
    let mut cells = [false; CELLS];
    cells[0] = true;
    cells[CELLS - 1] = true;
    let bits = u64::from(value) << 8 | u64::from(checksum(value));
    for (index, cell) in cells[FIRST_BIT..FIRST_BIT + 40].iter_mut().enumerate() {
        *cell = bits >> (39 - index) & 1 != 0;
    }
    cells
}

/// CRC-8 with the polynomial 0x07 and a start that no plain row of one colour satisfies.
fn checksum(value: u32) -> u8 {
    let mut crc = 0x5a_u8;
    for byte in value.to_be_bytes() {
        crc ^= byte;
        for _ in 0..8 {
            crc = if crc & 0x80 != 0 { crc << 1 ^ 0x07 } else { crc << 1 };
        }
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_back_at_any_size() {
        for (width, height) in [(1280, 720), (640, 360), (320, 180), (1920, 1080), (720, 1280), (176, 144)] {
            let mut picture = Picture::new(width, height, Color { y: 90, u: 128, v: 128 });
            let mut drawn = None;
            for value in [0, 1, 0xffff_ffff, 0x1234_5678, 0x8000_0001] {
                write(&mut picture, drawn, value);
                drawn = Some(value);
                assert_eq!(read(picture.luma(), width, width, height), Some(value), "{width}x{height}");
            }
        }
    }

    #[test]
    fn a_picture_without_the_row_has_no_number() {
        for y in [16, 128, 235] {
            let picture = Picture::new(640, 360, Color { y, u: 128, v: 128 });
            assert_eq!(read(picture.luma(), 640, 640, 360), None);
        }
        let mut picture = Picture::new(640, 360, BLACK);
        write(&mut picture, None, 77);
        assert_eq!(read(picture.luma(), 640, 640, 720), None);
        picture.fill(Area { x: 300, y: 0, width: 40, height: 12 }, WHITE);
        assert_eq!(read(picture.luma(), 640, 640, 360), None);
        assert_eq!(read(&[], 0, 0, 0), None);
    }

    #[test]
    fn a_blurred_and_dimmed_row_is_read() {
        let mut picture = Picture::new(1280, 720, BLACK);
        write(&mut picture, None, 0xdead_beef);
        let soft: Vec<u8> =
            picture.luma().windows(9).map(|window| (sum(window) / 9 / 2 + 40) as u8).chain([40; 8]).collect();
        assert_eq!(read(&soft, 1280, 1280, 720), Some(0xdead_beef));
    }
}
