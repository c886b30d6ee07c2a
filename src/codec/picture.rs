//! A picture in planar YUV 4:2:0 (I420), BT.709, limited range, and drawing on it.

/// A colour in BT.709, limited range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color {
    pub y: u8,
    pub u: u8,
    pub v: u8,
}

impl Color {
    /// From RGB as on the screen.
    pub fn rgb(red: u8, green: u8, blue: u8) -> Self {
        let (r, g, b) = (f32::from(red) / 255.0, f32::from(green) / 255.0, f32::from(blue) / 255.0);
        let luma = 0.2126 * r + 0.7152 * g + 0.0722 * b;
        let chroma = |value: f32| (128.0 + 224.0 * value).round() as u8;
        Color { y: (16.0 + 219.0 * luma).round() as u8, u: chroma((b - luma) / 1.8556), v: chroma((r - luma) / 1.5748) }
    }
}

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    pub x: usize,
    pub y: usize,
    pub width: usize,
    pub height: usize,
}

/// One picture. Width and height are even and not 0; the planes have no padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    luma: Vec<u8>,
    blue: Vec<u8>,
    red: Vec<u8>,
}

impl Picture {
    /// A picture of one colour. Odd sides are rounded up.
    pub fn new(width: usize, height: usize, color: Color) -> Self {
        let (width, height) = (width.max(2).next_multiple_of(2), height.max(2).next_multiple_of(2));
        let (luma, chroma) = (width * height, width * height / 4);
        Picture { width, height, luma: vec![color.y; luma], blue: vec![color.u; chroma], red: vec![color.v; chroma] }
    }

    /// From planes whose rows are `strides` (luma, chroma) bytes apart; `None` where they are too short or the size is odd.
    pub fn from_planes(
        (width, height): (usize, usize),
        planes: [&[u8]; 3],
        (luma_stride, chroma_stride): (usize, usize),
    ) -> Option<Self> {
        if width == 0 || height == 0 || !width.is_multiple_of(2) || !height.is_multiple_of(2) {
            return None;
        }
        let plane = |data: &[u8], stride: usize, width: usize, height: usize| {
            let mut rows = Vec::with_capacity(width * height);
            for row in 0..height {
                rows.extend_from_slice(data.get(row * stride..row * stride + width)?);
            }
            Some(rows)
        };
        Some(Picture {
            width,
            height,
            luma: plane(planes[0], luma_stride, width, height)?,
            blue: plane(planes[1], chroma_stride, width / 2, height / 2)?,
            red: plane(planes[2], chroma_stride, width / 2, height / 2)?,
        })
    }

    pub fn width(&self) -> usize {
        self.width
    }

    pub fn height(&self) -> usize {
        self.height
    }

    /// Brightness, `width` bytes a row.
    pub fn luma(&self) -> &[u8] {
        &self.luma
    }

    /// Both colour planes (U, V), `width / 2` bytes a row.
    pub fn chroma(&self) -> (&[u8], &[u8]) {
        (&self.blue, &self.red)
    }

    /// Fills an area, cut at the edges of the picture.
    pub fn fill(&mut self, area: Area, color: Color) {
        let Area { x, y, width, height } = self.clip(area);
        for row in y..y + height {
            let start = row * self.width + x;
            self.luma[start..start + width].fill(color.y);
        }
        for row in y.div_ceil(2)..(y + height).div_ceil(2) {
            let line = row * self.width / 2;
            let columns = line + x.div_ceil(2)..line + (x + width).div_ceil(2);
            self.blue[columns.clone()].fill(color.u);
            self.red[columns].fill(color.v);
        }
    }

    /// Mixes `color` into one pixel. `coverage`: 0 leaves it, 255 replaces it. The colour planes follow at even positions.
    pub fn blend(&mut self, x: usize, y: usize, color: Color, coverage: u8) {
        if coverage == 0 || x >= self.width || y >= self.height {
            return;
        }
        let mix = |old: &mut u8, new: u8| {
            let weighted = u32::from(*old) * u32::from(255 - coverage) + u32::from(new) * u32::from(coverage);
            *old = ((weighted + 127) / 255) as u8;
        };
        mix(&mut self.luma[y * self.width + x], color.y);
        if x.is_multiple_of(2) && y.is_multiple_of(2) {
            let at = y / 2 * (self.width / 2) + x / 2;
            mix(&mut self.blue[at], color.u);
            mix(&mut self.red[at], color.v);
        }
    }

    /// Takes an area over from a picture of the same size.
    pub fn restore(&mut self, area: Area, from: &Picture) {
        if (self.width, self.height) != (from.width, from.height) {
            return;
        }
        let Area { x, y, width, height } = self.clip(area);
        for row in y..y + height {
            let columns = row * self.width + x..row * self.width + x + width;
            self.luma[columns.clone()].copy_from_slice(&from.luma[columns]);
        }
        for row in y / 2..(y + height).div_ceil(2) {
            let line = row * self.width / 2;
            let columns = line + x / 2..line + (x + width).div_ceil(2);
            self.blue[columns.clone()].copy_from_slice(&from.blue[columns.clone()]);
            self.red[columns.clone()].copy_from_slice(&from.red[columns]);
        }
    }

    /// The part of an area inside the picture.
    fn clip(&self, area: Area) -> Area {
        let (x, y) = (area.x.min(self.width), area.y.min(self.height));
        Area { x, y, width: area.width.min(self.width - x), height: area.height.min(self.height - y) }
    }
}

impl openh264::formats::YUVSource for Picture {
    fn dimensions(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    fn strides(&self) -> (usize, usize, usize) {
        (self.width, self.width / 2, self.width / 2)
    }

    fn y(&self) -> &[u8] {
        &self.luma
    }

    fn u(&self) -> &[u8] {
        &self.blue
    }

    fn v(&self) -> &[u8] {
        &self.red
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLACK: Color = Color { y: 16, u: 128, v: 128 };
    const GREEN: Color = Color { y: 173, u: 42, v: 26 };

    #[test]
    fn colors_are_bt709() {
        assert_eq!(Color::rgb(0, 0, 0), BLACK);
        assert_eq!(Color::rgb(255, 255, 255), Color { y: 235, u: 128, v: 128 });
        assert_eq!(Color::rgb(0, 255, 0), GREEN);
        assert_eq!(Color::rgb(255, 0, 0), Color { y: 63, u: 102, v: 240 });
    }

    #[test]
    fn drawing_stays_inside() {
        let mut picture = Picture::new(8, 6, BLACK);
        let empty = picture.clone();
        picture.fill(Area { x: 4, y: 2, width: 100, height: 100 }, GREEN);
        assert_eq!(picture.luma().iter().filter(|&&y| y == GREEN.y).count(), 4 * 4);
        assert_eq!(picture.chroma().0.iter().filter(|&&u| u == GREEN.u).count(), 2 * 2);
        picture.fill(Area { x: 90, y: 90, width: 5, height: 5 }, GREEN);
        picture.blend(100, 0, GREEN, 255);
        picture.restore(Area { x: 0, y: 0, width: 100, height: 100 }, &empty);
        assert_eq!(picture, empty);
        picture.blend(0, 0, GREEN, 255);
        assert_eq!((picture.luma()[0], picture.chroma().1[0]), (GREEN.y, GREEN.v));
    }

    #[test]
    fn planes_are_taken_with_their_strides() {
        let luma: Vec<u8> = (0..32).collect();
        let chroma: Vec<u8> = (0..16).collect();
        let picture = Picture::from_planes((4, 4), [&luma, &chroma, &chroma], (8, 8)).expect("they are long enough");
        assert_eq!(picture.luma()[4..8], [8, 9, 10, 11]);
        assert_eq!(picture.chroma().0, [0, 1, 8, 9]);
        assert!(Picture::from_planes((4, 4), [&luma[..20], &chroma, &chroma], (8, 8)).is_none());
        assert!(Picture::from_planes((3, 4), [&luma, &chroma, &chroma], (8, 8)).is_none());
    }
}
