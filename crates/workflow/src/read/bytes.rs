//! A cursor over untrusted bytes: every read is checked, nothing is copied.

/// A cursor that gives `None` past the end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes<'b> {
    rest: &'b [u8],
}

impl<'b> Bytes<'b> {
    /// A cursor at the start of `bytes`.
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Returns the remaining bytes.
    pub(super) fn rest(&self) -> &'b [u8] {
        self.rest
    }

    /// True at the end.
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes the next `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// Takes one byte.
    pub(super) fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]: [u8; 1]| byte)
    }

    /// Takes a big-endian 16-bit number.
    pub(super) fn be16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// Takes a big-endian 32-bit number as a size.
    pub(super) fn be32(&mut self) -> Option<usize> {
        self.array().map(u32::from_be_bytes).and_then(|n| usize::try_from(n).ok())
    }

    /// Takes a big-endian 64-bit number as a size.
    pub(super) fn be64(&mut self) -> Option<usize> {
        self.array().map(u64::from_be_bytes).and_then(|n| usize::try_from(n).ok())
    }

    /// Takes a little-endian 32-bit number as a size.
    pub(super) fn le32(&mut self) -> Option<usize> {
        self.array().map(u32::from_le_bytes).and_then(|n| usize::try_from(n).ok())
    }
}
