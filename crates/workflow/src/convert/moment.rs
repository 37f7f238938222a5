//! A point in local time, given by the caller: the converter has no clock.

use std::fmt::Write as _;

/// The local date and time for `%date:…%` in file names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Four digits.
    pub year: i32,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
    /// 0 to 23.
    pub hour: u32,
    /// 0 to 59.
    pub minute: u32,
    /// 0 to 59.
    pub second: u32,
}

impl Moment {
    /// Converts a date and time of `chrono`.
    pub fn of(time: &(impl chrono::Datelike + chrono::Timelike)) -> Self {
        Self {
            year: time.year(),
            month: time.month(),
            day: time.day(),
            hour: time.hour(),
            minute: time.minute(),
            second: time.second(),
        }
    }

    /// Formats with the editor's letters: `yyyy`, `yy`, and one or two of `M`, `d`, `h`, `m`, `s`.
    pub fn format(&self, format: &str) -> String {
        let mut result = String::new();
        let mut rest = format;
        while let Some(first) = rest.chars().next() {
            let longest = match first {
                'y' => 4,
                'M' | 'd' | 'h' | 'm' | 's' => 2,
                _ => 1,
            };
            let run = rest.chars().take(longest).take_while(|letter| *letter == first).count();
            let (token, after) = rest.split_at(if run <= 1 { first.len_utf8() } else { run });
            rest = after;
            match (first, run) {
                ('y', 2) => result.push_str(self.year.to_string().get(2..).unwrap_or_default()),
                ('y', 4) => result.push_str(&self.year.to_string()),
                _ => match self.part(first) {
                    Some(part) => _ = write!(result, "{part:0run$}"),
                    None => result.push_str(token),
                },
            }
        }
        result
    }

    fn part(&self, letter: char) -> Option<u32> {
        match letter {
            'M' => Some(self.month),
            'd' => Some(self.day),
            'h' => Some(self.hour),
            'm' => Some(self.minute),
            's' => Some(self.second),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_as_the_editor_does() {
        let now = Moment { year: 2024, month: 1, day: 2, hour: 3, minute: 4, second: 5 };
        assert_eq!(now.format("yyyy-MM-dd"), "2024-01-02");
        assert_eq!(now.format("hhmmss"), "030405");
        assert_eq!(now.format("d/M/yy h:m:s y é"), "2/1/24 3:4:5 y é");
    }
}
