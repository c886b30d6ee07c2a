//! A small font of strokes, drawn smooth at any size: digits, capitals and the signs of a stream name.

use super::picture::{Area, Color, Picture};

/// A character as drawn pixels: how much of each the strokes cover.
struct Glyph {
    character: char,
    width: usize,
    coverage: Vec<u8>,
}

/// Glyphs of one size, drawn when first used. At most the characters of [`OUTLINES`] are kept.
pub struct Font {
    /// Pixels of a capital letter.
    height: usize,
    /// Pixels around a glyph that its strokes may reach.
    margin: usize,
    bold: f32,
    glyphs: Vec<Glyph>,
}

impl Font {
    /// A font whose capitals are `height` pixels high. `weight` is the width of a stroke against the height: 0.1 is light,
    /// 0.16 bold.
    pub fn new(height: usize, weight: f32) -> Self {
        let height = height.max(5);
        let bold = (weight * height as f32).max(1.0);
        Font { height, margin: bold.ceil() as usize, bold, glyphs: Vec::new() }
    }

    /// Pixels of a line, strokes included.
    pub fn line_height(&self) -> usize {
        self.height + 2 * self.margin
    }

    /// Pixels that a text takes.
    pub fn width(&self, text: &str) -> usize {
        text.chars().map(|character| self.advance(character)).sum()
    }

    /// Pixels from one character to the next.
    pub fn advance(&self, character: char) -> usize {
        let unit = self.height as f32 / HEIGHT;
        ((outline(character).1 + SPACING) * unit / 2.0).round() as usize * 2
    }

    /// Draws a text whose box starts at `x`, `y`; what lies outside the picture is cut off.
    pub fn draw(&mut self, picture: &mut Picture, x: usize, y: usize, text: &str, color: Color) {
        let mut x = x;
        for character in text.chars() {
            self.draw_character(picture, x, y, character, color);
            x += self.advance(character);
        }
    }

    /// Draws one character.
    pub fn draw_character(&mut self, picture: &mut Picture, x: usize, y: usize, character: char, color: Color) {
        let index = self.glyph(character);
        let Glyph { width, coverage, .. } = &self.glyphs[index];
        for (row, line) in coverage.chunks_exact(*width).enumerate() {
            for (column, &covered) in line.iter().enumerate() {
                picture.blend(x + column, y + row, color, covered);
            }
        }
    }

    /// The box in which a character is drawn at `x`, `y`.
    pub fn area(&self, x: usize, y: usize, character: char) -> Area {
        Area { x, y, width: self.advance(character), height: self.line_height() }
    }

    fn glyph(&mut self, character: char) -> usize {
        let character = outline(character).0;
        if let Some(index) = self.glyphs.iter().position(|glyph| glyph.character == character) {
            return index;
        }
        let glyph = self.rasterize(character);
        self.glyphs.push(glyph);
        self.glyphs.len() - 1
    }

    fn rasterize(&self, character: char) -> Glyph {
        let (_, units, strokes) = outline(character);
        let unit = self.height as f32 / HEIGHT;
        let lines = flatten(strokes);
        let width = (units * unit).ceil() as usize + 2 * self.margin;
        let rows = self.line_height();
        let mut coverage = Vec::with_capacity(width * rows);
        for row in 0..rows {
            for column in 0..width {
                let place = |pixel: usize| pixel as f32 + 0.5 - self.margin as f32;
                let point = (place(column) / unit, place(row) / unit);
                let nearest = lines.iter().map(|&line| distance(point, line)).fold(f32::MAX, f32::min) * unit;
                let covered = (self.bold / 2.0 - nearest + 0.5).clamp(0.0, 1.0);
                coverage.push((covered * 255.0) as u8);
            }
        }
        Glyph { character, width, coverage }
    }
}

type Point = (f32, f32);

/// The lines of an outline; curves become eight of them.
fn flatten(strokes: &str) -> Vec<(Point, Point)> {
    let mut lines = Vec::new();
    let mut at = (0.0, 0.0);
    let mut words = strokes.split_ascii_whitespace();
    let mut numbers = Vec::new();
    while let Some(command) = words.next() {
        let count = if command == "Q" { 4 } else { 2 };
        numbers.clear();
        numbers.extend(words.by_ref().take(count).map(|word| word.parse::<f32>().unwrap_or_default()));
        match (command, &numbers[..]) {
            ("M", &[x, y]) => at = (x, y),
            ("L", &[x, y]) => {
                lines.push((at, (x, y)));
                at = (x, y);
            }
            ("Q", &[cx, cy, x, y]) => {
                let start = at;
                for step in 1..=8u8 {
                    let t = f32::from(step) / 8.0;
                    let mix = |a: f32, b: f32, c: f32| (1.0 - t) * (1.0 - t) * a + 2.0 * t * (1.0 - t) * b + t * t * c;
                    let next = (mix(start.0, cx, x), mix(start.1, cy, y));
                    lines.push((at, next));
                    at = next;
                }
            }
            _ => {}
        }
    }
    lines
}

/// From a point to a line segment.
fn distance(point: Point, (start, end): (Point, Point)) -> f32 {
    let (dx, dy) = (end.0 - start.0, end.1 - start.1);
    let length = dx * dx + dy * dy;
    let along = (point.0 - start.0) * dx + (point.1 - start.1) * dy;
    let t = if length == 0.0 { 0.0 } else { (along / length).clamp(0.0, 1.0) };
    (point.0 - start.0 - t * dx).hypot(point.1 - start.1 - t * dy)
}

/// Units from the top to the foot of a capital.
const HEIGHT: f32 = 6.0;
/// Units between characters.
const SPACING: f32 = 2.0;

/// The outline of a character: itself (capitals stand for small letters), units of width, strokes. Unknown ones are a box.
fn outline(character: char) -> (char, f32, &'static str) {
    let character = character.to_ascii_uppercase();
    OUTLINES.iter().find(|outline| outline.0 == character).copied().unwrap_or((
        '\u{25a1}',
        3.6,
        "M 0 0 L 3.6 0 L 3.6 6 L 0 6 L 0 0",
    ))
}

/// Strokes as in SVG paths: move, line, quadratic curve; y grows downwards.
#[rustfmt::skip]
const OUTLINES: [(char, f32, &str); 47] = [
    ('0', 4.0, "M 2 0 Q 4 0 4 2.2 L 4 3.8 Q 4 6 2 6 Q 0 6 0 3.8 L 0 2.2 Q 0 0 2 0"),
    ('1', 4.0, "M 0.9 1.3 L 2.5 0 L 2.5 6"),
    ('2', 4.0, "M 0.1 1.6 Q 0.2 0 2 0 Q 3.9 0 3.9 1.7 Q 3.9 2.7 3 3.5 L 0.1 6 L 4 6"),
    ('3', 4.0, "M 0.3 0 L 3.7 0 L 1.9 2.4 Q 4 2.3 4 4.1 Q 4 6 2 6 Q 0.3 6 0 4.6"),
    ('4', 4.0, "M 3 6 L 3 0 L 0 4.4 L 4.1 4.4"),
    ('5', 4.0, "M 3.6 0 L 0.6 0 L 0.3 2.8 Q 1 2.2 2 2.2 Q 4 2.2 4 4.1 Q 4 6 2 6 Q 0.4 6 0 4.8"),
    ('6', 4.0, "M 3 0 Q 0 1.7 0 4 Q 0 6 2 6 Q 4 6 4 4.1 Q 4 2.3 2.1 2.3 Q 0.5 2.3 0 3.9"),
    ('7', 4.0, "M 0.1 0 L 4 0 L 1.5 6"),
    ('8', 4.0, "M 2 2.8 Q 0.3 2.8 0.3 1.4 Q 0.3 0 2 0 Q 3.7 0 3.7 1.4 Q 3.7 2.8 2 2.8 Q 0 2.8 0 4.4 Q 0 6 2 6 Q 4 6 4 4.4 Q 4 2.8 2 2.8"),
    ('9', 4.0, "M 1 6 Q 4 4.3 4 2 Q 4 0 2 0 Q 0 0 0 1.9 Q 0 3.7 1.9 3.7 Q 3.5 3.7 4 2.1"),
    ('A', 4.0, "M 0 6 L 2 0 L 4 6 M 0.8 4 L 3.2 4"),
    ('B', 4.0, "M 2.4 2.9 Q 3.7 2.9 3.7 1.5 Q 3.7 0 2.2 0 L 0 0 L 0 6 L 2.4 6 Q 4 6 4 4.4 Q 4 2.9 2.4 2.9 L 0 2.9"),
    ('C', 4.0, "M 4 1.4 Q 3.5 0 2.1 0 Q 0 0 0 2.2 L 0 3.8 Q 0 6 2.1 6 Q 3.5 6 4 4.6"),
    ('D', 4.0, "M 0 0 L 0 6 L 1.8 6 Q 4 6 4 3.8 L 4 2.2 Q 4 0 1.8 0 L 0 0"),
    ('E', 3.8, "M 3.8 0 L 0 0 L 0 6 L 3.8 6 M 0 2.9 L 3.2 2.9"),
    ('F', 3.8, "M 3.8 0 L 0 0 L 0 6 M 0 2.9 L 3.2 2.9"),
    ('G', 4.0, "M 4 1.3 Q 3.5 0 2.1 0 Q 0 0 0 2.2 L 0 3.8 Q 0 6 2.1 6 Q 4 6 4 4.2 L 4 3.2 L 2.3 3.2"),
    ('H', 4.0, "M 0 0 L 0 6 M 4 0 L 4 6 M 0 2.9 L 4 2.9"),
    ('I', 1.0, "M 0.5 0 L 0.5 6"),
    ('J', 3.4, "M 3.4 0 L 3.4 4.2 Q 3.4 6 1.7 6 Q 0.2 6 0 4.5"),
    ('K', 4.0, "M 0 0 L 0 6 M 3.9 0 L 0 3.7 M 1.4 2.5 L 4 6"),
    ('L', 3.6, "M 0 0 L 0 6 L 3.6 6"),
    ('M', 4.8, "M 0 6 L 0 0 L 2.4 3.6 L 4.8 0 L 4.8 6"),
    ('N', 4.2, "M 0 6 L 0 0 L 4.2 6 L 4.2 0"),
    ('O', 4.2, "M 2.1 0 Q 4.2 0 4.2 2.2 L 4.2 3.8 Q 4.2 6 2.1 6 Q 0 6 0 3.8 L 0 2.2 Q 0 0 2.1 0"),
    ('P', 4.0, "M 0 6 L 0 0 L 2.4 0 Q 4 0 4 1.6 Q 4 3.2 2.4 3.2 L 0 3.2"),
    ('Q', 4.2, "M 2.1 0 Q 4.2 0 4.2 2.2 L 4.2 3.8 Q 4.2 6 2.1 6 Q 0 6 0 3.8 L 0 2.2 Q 0 0 2.1 0 M 2.7 4.5 L 4.2 6.2"),
    ('R', 4.0, "M 0 6 L 0 0 L 2.4 0 Q 4 0 4 1.6 Q 4 3.2 2.4 3.2 L 0 3.2 M 2 3.2 L 4 6"),
    ('S', 4.0, "M 3.8 1.3 Q 3.4 0 2 0 Q 0.2 0 0.2 1.5 Q 0.2 2.7 2 2.9 Q 4 3.2 4 4.5 Q 4 6 2 6 Q 0.4 6 0 4.6"),
    ('T', 4.0, "M 0 0 L 4 0 M 2 0 L 2 6"),
    ('U', 4.0, "M 0 0 L 0 3.8 Q 0 6 2 6 Q 4 6 4 3.8 L 4 0"),
    ('V', 4.0, "M 0 0 L 2 6 L 4 0"),
    ('W', 5.4, "M 0 0 L 1.3 6 L 2.7 1.4 L 4.1 6 L 5.4 0"),
    ('X', 4.0, "M 0 0 L 4 6 M 4 0 L 0 6"),
    ('Y', 4.0, "M 0 0 L 2 3 L 4 0 M 2 3 L 2 6"),
    ('Z', 4.0, "M 0 0 L 4 0 L 0 6 L 4 6"),
    (' ', 2.0, ""),
    (':', 0.8, "M 0.4 1.7 L 0.4 1.9 M 0.4 4.3 L 0.4 4.5"),
    ('.', 0.8, "M 0.4 5.8 L 0.4 6"),
    (',', 0.8, "M 0.5 5.7 L 0.1 6.8"),
    ('-', 2.6, "M 0 3 L 2.6 3"),
    ('_', 3.6, "M 0 6.2 L 3.6 6.2"),
    ('/', 2.8, "M 0 6.3 L 2.8 -0.3"),
    ('+', 3.2, "M 0 3 L 3.2 3 M 1.6 1.4 L 1.6 4.6"),
    ('@', 4.6, "M 4.2 5.3 Q 3.5 6 2.3 6 Q 0 6 0 3 Q 0 0 2.3 0 Q 4.6 0 4.6 2.4 L 4.6 3.2 Q 4.6 4.3 3.9 4.3 Q 3.3 4.3 3.3 3.5 L 3.3 1.8 M 3.3 3 Q 3.3 4.2 2.3 4.2 Q 1.3 4.2 1.3 3 Q 1.3 1.8 2.3 1.8 Q 3.3 1.8 3.3 3"),
    ('(', 1.4, "M 1.4 -0.3 Q -0.9 3 1.4 6.3"),
    (')', 1.4, "M 0 -0.3 Q 2.3 3 0 6.3"),
];

#[cfg(test)]
mod tests {
    use super::*;

    const BLACK: Color = Color { y: 16, u: 128, v: 128 };
    const WHITE: Color = Color { y: 235, u: 128, v: 128 };

    #[test]
    fn every_outline_is_well_formed() {
        for (character, width, strokes) in OUTLINES {
            let lines = flatten(strokes);
            assert_eq!(lines.is_empty(), character == ' ', "{character}");
            assert!(strokes.split_ascii_whitespace().all(|word| "MLQ".contains(word) || word.parse::<f32>().is_ok()));
            assert!(lines.iter().all(|&((x, _), _)| (-0.1..=width + 0.1).contains(&x)), "{character}");
        }
    }

    #[test]
    fn glyphs_differ_and_stay_in_their_box() {
        let mut font = Font::new(40, 0.14);
        let mut seen: Vec<Vec<u8>> = Vec::new();
        for character in "0123456789ABCDEFGHIJKLMNPQRSTUVWXYZ:.-_/@+".chars() {
            let mut picture = Picture::new(80, 80, BLACK);
            font.draw(&mut picture, 4, 4, &character.to_string(), WHITE);
            let clean = Picture::new(80, 80, BLACK);
            assert!(!seen.iter().any(|other| other == picture.luma()), "{character}");
            seen.push(picture.luma().to_vec());
            picture.restore(font.area(4, 4, character), &clean);
            assert!(picture.luma().iter().all(|&y| y == 16), "{character}");
        }
        assert_eq!(font.glyph('a'), font.glyph('A'));
        assert_eq!(font.glyph('ä'), font.glyph('ö'));
    }
}
