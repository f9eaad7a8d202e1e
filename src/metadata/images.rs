//! Where the image is published, and how those who live beside the requests hear of a new one.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use tokio::sync::watch;

use super::image::Image;

/// The metadata thread's side.
#[derive(Debug)]
pub(super) struct Publisher {
    image: Arc<ArcSwap<Image>>,
    changes: watch::Sender<()>,
}

/// The readers' side. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Images {
    image: Arc<ArcSwap<Image>>,
    changes: watch::Receiver<()>,
}

/// Both sides, with the first image.
pub(super) fn publish(first: Image) -> (Publisher, Images) {
    let image = Arc::new(ArcSwap::from_pointee(first));
    let (sender, receiver) = watch::channel(());
    (Publisher { image: Arc::clone(&image), changes: sender }, Images { image, changes: receiver })
}

impl Publisher {
    /// From now on `image` is what exists.
    pub(super) fn publish(&self, image: Image) {
        self.image.store(Arc::new(image));
        self.changes.send_replace(());
    }
}

impl Images {
    /// What exists now, for the length of a request.
    pub(crate) fn now(&self) -> Guard<Arc<Image>> {
        self.image.load()
    }

    /// What exists now, to be kept.
    pub(crate) fn keep(&self) -> Arc<Image> {
        self.image.load_full()
    }

    /// Waits until there is a newer image than at the last call; never ends when there will be none any more. Cancel-safe.
    pub(crate) async fn changed(&mut self) {
        if self.changes.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
