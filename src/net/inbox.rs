//! What has arrived on a connection: a buffer that grows with the bytes that came, never with a size that was claimed.

use bytes::{Buf, BufMut, BytesMut};

use super::memory::{ByteBudget, Share};

/// Room that a connection keeps at all times, bytes, outside of the budget. Also where growth begins.
const ROOM_MIN: usize = 8 << 10;
/// As far as a buffer grows for small requests that come many at once.
const ROOM_KEPT: usize = 64 << 10;

/// Why the stream cannot be split into frames any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {size} bytes: allowed are 1 to {size_max} (socket.request.max.bytes)")]
pub(crate) struct BadFrameSize {
    size: i32,
    size_max: i32,
}

/// The bytes of a connection that are not yet handled.
#[derive(Debug)]
pub(crate) struct Inbox {
    bytes: BytesMut,
    frame_size_max: i32,
    budget: ByteBudget,
    share: Share,
}

impl Inbox {
    /// An empty inbox for frames of up to `frame_size_max` bytes.
    pub(crate) fn new(frame_size_max: i32, budget: ByteBudget) -> Self {
        Self { bytes: BytesMut::new(), frame_size_max, budget, share: Share::default() }
    }

    /// The first frame, without its size field, if all of it is here. [`Self::consume`] takes it away.
    ///
    /// # Errors
    /// [`BadFrameSize`] before anything is allocated for it.
    pub(crate) fn frame(&self) -> Result<Option<&[u8]>, BadFrameSize> {
        match self.announced()? {
            Some(size) => Ok(self.bytes.get(4..4 + size)),
            None => Ok(None),
        }
    }

    /// Takes the frame that [`Self::frame`] gave. The memory of a large one is kept for the next, unless others wait for it.
    pub(crate) fn consume(&mut self, frame_size: usize) {
        self.bytes.advance(self.bytes.len().min(4 + frame_size));
        if self.is_oversized() && (self.share.is_spare() || self.budget.is_wanted()) {
            self.give_back();
        }
    }

    /// Takes the frame as [`Self::consume`] does, where its bytes live on as a copy. The memory of a large one is given back,
    /// and what it had of the budget is the copy's.
    pub(crate) fn consume_copied(&mut self, frame_size: usize) -> Share {
        self.bytes.advance(self.bytes.len().min(4 + frame_size));
        if !self.is_oversized() {
            return Share::default();
        }
        self.bytes = BytesMut::new();
        std::mem::take(&mut self.share)
    }

    /// Whether there is hardly room to read anything.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.capacity() - self.bytes.len() < ROOM_MIN / 4
    }

    /// Where the next bytes go. Nothing is read beyond the end of a large frame, so that its memory is free once it is taken.
    pub(crate) fn room(&mut self) -> impl BufMut {
        let rest_of_large = self.announced().ok().flatten().map(|size| size.saturating_add(4));
        let rest_of_large =
            rest_of_large.filter(|end| *end > ROOM_KEPT).map(|end| end.saturating_sub(self.bytes.len()));
        (&mut self.bytes).limit(rest_of_large.unwrap_or(usize::MAX))
    }

    /// Whether the buffer is worth giving back when nothing comes for a while. Its capacity does not say: that is what lies
    /// behind the bytes that were taken.
    pub(crate) fn is_oversized(&self) -> bool {
        self.bytes.is_empty() && self.share.is_held()
    }

    /// Whether part of a frame is here.
    pub(crate) fn is_mid_frame(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// Gives the buffer and its share of the budget back.
    pub(crate) fn give_back(&mut self) {
        self.bytes = BytesMut::new();
        self.share = Share::default();
    }

    /// Makes room; waits for the budget where the buffer must grow. Doubles it, up to what the current frame needs: a stranger who claims 100 MB and sends 1 KB costs 8 KiB.
    pub(crate) async fn make_room(&mut self) {
        let used = self.bytes.len();
        let frame = self.announced().ok().flatten().map_or(0, |size| size.saturating_add(4));
        let doubled = self.bytes.capacity().max(ROOM_MIN / 2) * 2;
        let wanted = if frame > used { doubled.min(frame.max(ROOM_MIN)) } else { doubled.min(ROOM_KEPT) };
        let more = wanted.max(used + ROOM_MIN / 4) - used;
        if self.bytes.try_reclaim(more) {
            return;
        }
        if wanted > ROOM_MIN {
            self.budget.grow_to(&mut self.share, wanted).await;
        }
        self.bytes.reserve(more);
    }

    fn announced(&self) -> Result<Option<usize>, BadFrameSize> {
        let Some(size) = self.bytes.first_chunk::<4>() else { return Ok(None) };
        let size = i32::from_be_bytes(*size);
        match usize::try_from(size) {
            Ok(length) if size > 0 && size <= self.frame_size_max => Ok(Some(length)),
            _ => Err(BadFrameSize { size, size_max: self.frame_size_max }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 100_000;

    async fn with_frame(budget: &ByteBudget) -> Inbox {
        let mut inbox = Inbox::new(1 << 20, budget.clone());
        let frame = [&u32::try_from(SIZE).unwrap().to_be_bytes()[..], &vec![7; SIZE]].concat();
        let mut rest = frame.as_slice();
        while !rest.is_empty() {
            inbox.make_room().await;
            let fits = rest.len().min(inbox.bytes.capacity() - inbox.bytes.len());
            inbox.room().put_slice(rest.split_off(..fits).unwrap());
        }
        assert_eq!(inbox.frame().unwrap().map(<[u8]>::len), Some(SIZE));
        inbox
    }

    #[tokio::test]
    async fn a_copy_of_a_large_frame_counts_until_it_is_gone_and_the_frame_does_not() {
        let budget = ByteBudget::new(350_000, 200_000);
        let mut inbox = with_frame(&budget).await;
        let copied = inbox.consume_copied(SIZE);
        assert!(copied.is_held() && !inbox.share.is_held() && inbox.bytes.capacity() == 0);
        // There is no room for another one beside it but in the spare place.
        let other = with_frame(&budget).await;
        assert!(other.share.is_spare());
        drop((copied, other));
        assert!(!with_frame(&budget).await.share.is_spare());
    }
}
