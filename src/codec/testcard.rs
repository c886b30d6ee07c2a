//! The moving test picture: a running clock, a pendulum that strikes with each second, a frame counter, colour bars, and the
//! clock once more for machines ([`pattern`]).
//!
//! All that stands still is drawn once; a picture costs only what changes.

use super::font::Font;
use super::pattern;
use super::picture::{Area, Color, Picture};

const WHITE: Color = Color { y: 235, u: 128, v: 128 };

/// A test picture that is drawn again and again.
pub struct TestCard {
    picture: Picture,
    background: Picture,
    layout: Layout,
    accent: Color,
    clock: Line,
    date: Line,
    counter: Line,
    /// Where the pendulum was drawn.
    pendulum: Area,
    /// What the pattern row shows.
    drawn: Option<u32>,
}

impl TestCard {
    /// A picture of `width` by `height` pixels (even), titled `name`.
    pub fn new(width: usize, height: usize, fps: u32, name: &str) -> Self {
        let layout = Layout::new(width, height);
        let accent = Color::rgb(45, 212, 191);
        let background = background(&layout, accent, fps, name);
        let clock = Line::centered(&layout, 192, 88, 0.135, "00:00:00.000");
        let date = Line::centered(&layout, 328, 22, 0.12, "0000-00-00 UTC");
        let counter = Line::starting(layout.at(110), &layout, 490, 18);
        TestCard {
            picture: background.clone(),
            background,
            layout,
            accent,
            clock,
            date,
            counter,
            pendulum: Area { x: 0, y: 0, width: 0, height: 0 },
            drawn: None,
        }
    }

    /// The picture of frame `frame` at `wall_ns` nanoseconds since 1970.
    pub fn draw(&mut self, wall_ns: u64, frame: u64) -> &Picture {
        let milliseconds = wall_ns / 1_000_000;
        let machine = milliseconds as u32;
        pattern::write(&mut self.picture, self.drawn, machine);
        self.drawn = Some(machine);

        let seconds = milliseconds / 1_000;
        let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
        let time = format!("{hour:02}:{minute:02}:{second:02}.{:03}", milliseconds % 1_000);
        self.clock.show(&mut self.picture, &self.background, time, WHITE);
        let (year, month, day) = date(seconds / 86_400);
        let soft = Color::rgb(148, 163, 184);
        self.date.show(&mut self.picture, &self.background, format!("{year:04}-{month:02}-{day:02} UTC"), soft);
        let count = format!("FRAME {:08}", frame % 100_000_000);
        self.counter.show(&mut self.picture, &self.background, count, soft);
        self.draw_pendulum(wall_ns);
        &self.picture
    }

    /// A disc that swings from end to end and is there when a second is full, as the beep sounds.
    fn draw_pendulum(&mut self, wall_ns: u64) {
        self.picture.restore(self.pendulum, &self.background);
        let rail = self.layout.rail();
        let middle = rail.x as f32 + rail.width as f32 / 2.0;
        let place = |ns: u64| {
            let turn = (ns % 2_000_000_000) as f32 / 1e9;
            middle - rail.width as f32 / 2.0 * (std::f32::consts::PI * turn).cos()
        };
        let y = rail.y as f32 + rail.height as f32 / 2.0;
        let radius = self.layout.length(15.0).max(2.0);
        let (mut left, mut right) = (f32::MAX, 0f32);
        // A tail, faint end first.
        for step in (0..7u8).rev() {
            let x = place(wall_ns.saturating_sub(u64::from(step) * 16_000_000));
            let size = radius * (1.0 - 0.09 * f32::from(step));
            let strength = if step == 0 { 255 } else { 70 - step * 9 };
            let striking = wall_ns % 1_000_000_000 < 90_000_000;
            let color = if step == 0 && striking { WHITE } else { self.accent };
            disc(&mut self.picture, (x, y), size, color, strength);
            (left, right) = (left.min(x - size), right.max(x + size));
        }
        let x = (left - 2.0).max(0.0) as usize;
        let top = (y - radius - 2.0).max(0.0) as usize;
        self.pendulum =
            Area { x, y: top, width: (right + 3.0) as usize - x, height: (2.0 * radius + 5.0).ceil() as usize };
    }
}

/// Places everything in a space of 1280 by 720 units, centred in the picture.
struct Layout {
    width: usize,
    height: usize,
    scale: f32,
}

impl Layout {
    fn new(width: usize, height: usize) -> Self {
        Layout { width, height, scale: (width as f32 / 1_280.0).min(height as f32 / 720.0) }
    }

    fn length(&self, units: f32) -> f32 {
        units * self.scale
    }

    /// Pixels of a length, even.
    fn even(&self, units: usize) -> usize {
        (self.length(units as f32) / 2.0).round() as usize * 2
    }

    /// The column of a horizontal place in units.
    fn at(&self, units: usize) -> usize {
        let left = (self.width as f32 - self.length(1_280.0)) / 2.0;
        ((left + self.length(units as f32)) / 2.0).round() as usize * 2
    }

    /// The row of a vertical place in units; the height is always filled.
    fn row(&self, units: usize) -> usize {
        (units as f32 * self.height as f32 / 720.0 / 2.0).round() as usize * 2
    }

    fn rail(&self) -> Area {
        let x = self.at(140);
        Area { x, y: self.row(438), width: self.at(1_140) - x, height: self.even(4).max(2) }
    }
}

/// A line of text that is drawn anew where it changes.
struct Line {
    font: Font,
    x: usize,
    y: usize,
    shown: String,
}

impl Line {
    fn starting(x: usize, layout: &Layout, row: usize, height: usize) -> Self {
        Line { font: Font::new(layout.even(height), 0.12), x, y: layout.row(row), shown: String::new() }
    }

    fn centered(layout: &Layout, row: usize, height: usize, weight: f32, widest: &str) -> Self {
        let font = Font::new(layout.even(height), weight);
        let x = layout.width.saturating_sub(font.width(widest)) / 4 * 2;
        Line { font, x, y: layout.row(row), shown: String::new() }
    }

    fn show(&mut self, picture: &mut Picture, background: &Picture, text: String, color: Color) {
        // Small glyphs are not kept apart by whole pixels, so that one can not be wiped without its neighbours.
        let whole_line = self.font.line_height() < 30 && text != self.shown;
        if whole_line {
            let width = self.font.width(&text).max(self.font.width(&self.shown)) + self.font.line_height();
            let line = Area { x: self.x, y: self.y, width, height: self.font.line_height() };
            picture.restore(line, background);
        }
        let mut x = self.x;
        let mut before = self.shown.chars();
        for character in text.chars() {
            let changed = before.next() != Some(character);
            if changed && !whole_line {
                picture.restore(self.font.area(x, self.y, character), background);
            }
            if changed || whole_line {
                self.font.draw_character(picture, x, self.y, character, color);
            }
            x += self.font.advance(character);
        }
        self.shown = text;
    }
}

/// All that stands still.
fn background(layout: &Layout, accent: Color, fps: u32, name: &str) -> Picture {
    let (width, height) = (layout.width, layout.height);
    let mut picture = Picture::new(width, height, Color::rgb(15, 23, 42));
    for y in (0..height).step_by(2) {
        let part = y as f32 / height as f32;
        let shade = |from: f32, to: f32| (from + (to - from) * part) as u8;
        let color = Color::rgb(shade(12.0, 26.0), shade(17.0, 36.0), shade(34.0, 62.0));
        picture.fill(Area { x: 0, y, width, height: 2 }, color);
    }
    grid(&mut picture, layout);
    header(&mut picture, layout, accent, fps, name);
    let (left, right) = (layout.at(110), layout.at(1_170));
    let (top, bottom) = (layout.row(166), layout.row(384));
    let panel = Area { x: left, y: top, width: right - left, height: bottom - top };
    rounded(&mut picture, panel, layout.length(18.0), Color::rgb(51, 65, 85));
    let edge = layout.even(2).max(2);
    let inside = Area {
        x: left + edge,
        y: top + edge,
        width: panel.width.saturating_sub(2 * edge),
        height: panel.height.saturating_sub(2 * edge),
    };
    rounded(&mut picture, inside, layout.length(16.0), Color::rgb(9, 13, 24));
    rail(&mut picture, layout);
    let mut small = Font::new(layout.even(18), 0.12);
    let text = "440 HZ L   660 HZ R";
    let x = layout.at(1_170).saturating_sub(small.width(text));
    small.draw(&mut picture, x, layout.row(490), text, Color::rgb(148, 163, 184));
    bars(&mut picture, layout);
    picture
}

fn grid(picture: &mut Picture, layout: &Layout) {
    let line = Color::rgb(34, 45, 72);
    let step = layout.even(80).max(8);
    let (width, height) = (layout.width, layout.height);
    for x in (width / 2 % step..width).step_by(step) {
        for y in 0..height {
            picture.blend(x, y, line, 150);
        }
    }
    for y in (height / 2 % step..height).step_by(step) {
        for x in 0..width {
            picture.blend(x, y, line, 150);
        }
    }
    // The circle that shows whether pixels are square.
    let (centre_x, centre_y) = (width as f32 / 2.0, height as f32 / 2.0);
    let radius = layout.length(318.0);
    for y in 0..height {
        for x in 0..width {
            let from_centre = (x as f32 + 0.5 - centre_x).hypot(y as f32 + 0.5 - centre_y);
            let covered = (layout.length(1.6).max(1.0) - (from_centre - radius).abs()).clamp(0.0, 1.0);
            picture.blend(x, y, Color::rgb(51, 68, 105), (covered * 220.0) as u8);
        }
    }
}

fn header(picture: &mut Picture, layout: &Layout, accent: Color, fps: u32, name: &str) {
    let row = layout.row(62);
    let mut large = Font::new(layout.even(34), 0.17);
    let mut x = layout.at(110);
    large.draw(picture, x, row, "WASMCAST", accent);
    x += large.width("WASMCAST") + layout.even(20);
    let bar = Area { x, y: row, width: layout.even(3).max(2), height: large.line_height() };
    picture.fill(bar, Color::rgb(71, 85, 105));
    x += layout.even(24);
    let size = format!("{}X{} {fps} FPS", layout.width, layout.height);
    let mut small = Font::new(layout.even(24), 0.11);
    let end = layout.at(1_170).saturating_sub(small.width(&size));
    let small_row = row + (large.line_height() - small.line_height()) / 2;
    small.draw(picture, end, small_row, &size, Color::rgb(148, 163, 184));
    let mut title = Font::new(layout.even(28), 0.12);
    let mut shown = String::new();
    for character in name.chars() {
        if x + title.width(&shown) + 2 * title.advance(character) > end {
            break;
        }
        shown.push(character);
    }
    let title_row = row + (large.line_height() - title.line_height()) / 2;
    title.draw(picture, x, title_row, &shown, Color::rgb(226, 232, 240));
}

fn rail(picture: &mut Picture, layout: &Layout) {
    let rail = layout.rail();
    let color = Color::rgb(71, 85, 105);
    picture.fill(rail, color);
    for (x, half) in [(rail.x, 12), (rail.x + rail.width / 2, 6), (rail.x + rail.width, 12)] {
        let half = layout.even(half).max(2);
        let thick = rail.height;
        let mark = Area {
            x: x.saturating_sub(thick / 2) / 2 * 2,
            y: rail.y.saturating_sub(half - thick / 2),
            width: thick,
            height: 2 * half,
        };
        picture.fill(mark, color);
    }
}

/// Colour bars of 75 % and a staircase of greys, over the whole width.
fn bars(picture: &mut Picture, layout: &Layout) {
    const BARS: [(u8, u8, u8); 7] =
        [(191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0), (0, 0, 191)];
    const GREYS: usize = 14;
    let (top, middle) = (layout.row(568), layout.row(664));
    let edge = |index: usize, count: usize| layout.width * index / count / 2 * 2;
    for (index, (red, green, blue)) in BARS.into_iter().enumerate() {
        let (x, end) = (edge(index, BARS.len()), edge(index + 1, BARS.len()));
        let area = Area { x, y: top, width: end - x, height: middle - top };
        picture.fill(area, Color::rgb(red, green, blue));
    }
    for index in 0..GREYS {
        let (x, end) = (edge(index, GREYS), edge(index + 1, GREYS));
        let level = (16 + 219 * index / (GREYS - 1)) as u8;
        let area = Area { x, y: middle, width: end - x, height: layout.height - middle };
        picture.fill(area, Color { y: level, u: 128, v: 128 });
    }
}

/// A filled rectangle with round corners.
fn rounded(picture: &mut Picture, area: Area, radius: f32, color: Color) {
    let (width, height) = (area.width as f32, area.height as f32);
    for y in 0..area.height {
        for x in 0..area.width {
            let (px, py) = (x as f32 + 0.5, y as f32 + 0.5);
            let outside_x = (radius - px).max(px - (width - radius)).max(0.0);
            let outside_y = (radius - py).max(py - (height - radius)).max(0.0);
            let covered = (radius - outside_x.hypot(outside_y) + 0.5).clamp(0.0, 1.0);
            picture.blend(area.x + x, area.y + y, color, (covered * 255.0) as u8);
        }
    }
}

fn disc(picture: &mut Picture, centre: (f32, f32), radius: f32, color: Color, strength: u8) {
    let first = |at: f32| (at - radius - 1.0).max(0.0) as usize;
    let last = |at: f32| (at + radius + 1.0).max(0.0) as usize;
    for y in first(centre.1)..=last(centre.1) {
        for x in first(centre.0)..=last(centre.0) {
            let from_centre = (x as f32 + 0.5 - centre.0).hypot(y as f32 + 0.5 - centre.1);
            let covered = (radius - from_centre + 0.5).clamp(0.0, 1.0);
            picture.blend(x, y, color, (covered * f32::from(strength)) as u8);
        }
    }
}

/// Year, month and day of a day since 1970, in the Gregorian calendar.
fn date(days: u64) -> (u64, u64, u64) {
    // Counted from 1 March of year 0, so that the leap day is the last of a year; eras of 400 years are all alike.
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right() {
        let rows = [
            (0, (1970, 1, 1)),
            (58, (1970, 2, 28)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (19_723, (2024, 1, 1)),
            (20_789, (2026, 12, 2)),
        ];
        for (days, expected) in rows {
            assert_eq!(date(days), expected);
        }
    }

    #[test]
    fn what_changed_is_drawn_as_if_all_were_drawn() {
        for (width, height) in [(1280, 720), (320, 180), (360, 640), (256, 144)] {
            let mut card = TestCard::new(width, height, 30, "live/cam-1");
            for frame in 0..40 {
                card.draw(1_795_354_597_000_000_000 + frame * 33_333_333, frame);
            }
            let wall = 1_795_354_599_999_000_000;
            let grown = card.draw(wall, 4_711).clone();
            let mut fresh = TestCard::new(width, height, 30, "live/cam-1");
            let differing = fresh.draw(wall, 4_711).luma().iter().zip(grown.luma()).filter(|(a, b)| a != b).count();
            assert_eq!(differing, 0, "{width}x{height}");
            assert_eq!(fresh.picture.chroma(), grown.chroma(), "{width}x{height}");
        }
    }

    #[test]
    fn machines_read_the_clock_and_pictures_move() {
        let mut card = TestCard::new(640, 360, 30, "demo");
        let mut last: Option<Picture> = None;
        for frame in 0..10u64 {
            let wall = 1_795_354_597_480_000_000 + frame * 33_000_000;
            let picture = card.draw(wall, frame);
            let read = pattern::read(picture.luma(), picture.width(), picture.width(), picture.height());
            assert_eq!(read, Some((wall / 1_000_000) as u32));
            if let Some(last) = last {
                let moved = last.luma().iter().zip(picture.luma()).filter(|(a, b)| a != b).count();
                assert!((500..20_000).contains(&moved), "{moved}");
            }
            last = Some(picture.clone());
        }
    }

    #[test]
    fn any_size_and_name_can_be_drawn() {
        for (width, height) in [(2, 2), (32, 32), (1_920, 1_080), (200, 1_000), (1_000, 120)] {
            for name in
                ["", "a", "ein/sehr/langer/Name-mit_allem.0123456789-und-noch-viel-mehr-ABCDEFGHIJKLMNOPQ", "äß∂"]
            {
                let mut card = TestCard::new(width, height, 60, name);
                card.draw(u64::MAX / 2, u64::MAX);
                card.draw(0, 0);
            }
        }
    }
}
