//! The workflow files that come with comfywarden. They are no tools until they are installed: each costs room in every
//! list of tools, and which ones are worth it depends on the models that are there.

/// One workflow that ships: one or two files.
#[derive(Debug)]
pub struct Shipped {
    /// The stem of its files.
    pub name: &'static str,
    /// Purpose, in a line.
    pub about: &'static str,
    /// File names and contents.
    pub files: &'static [(&'static str, &'static str)],
}

macro_rules! files {
    ($($name:literal),+) => {
        &[$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/workflows/", $name)))),+]
    };
}

/// All of them.
pub const SHIPPED: &[Shipped] = &[
    Shipped {
        name: "text_to_image",
        about: "a picture from a text, with any installed picture model",
        files: files!("text_to_image.yaml"),
    },
    Shipped {
        name: "image_to_image",
        about: "a picture redrawn after a text",
        files: files!("image_to_image.yaml"),
    },
    Shipped {
        name: "upscale",
        about: "a larger picture; needs an upscale model",
        files: files!("upscale.yaml"),
    },
    Shipped {
        name: "text_to_video",
        about: "a clip from a text; needs Wan 2.1",
        files: files!("text_to_video.yaml"),
    },
    Shipped {
        name: "image_to_video",
        about: "a clip that starts with a picture; needs Wan 2.1",
        files: files!("image_to_video.yaml"),
    },
    Shipped {
        name: "song",
        about: "a song from tags and lyrics; needs ACE-Step",
        files: files!("song.yaml"),
    },
    Shipped {
        name: "remove_background",
        about: "the subject of a picture, cut out; needs the node pack ComfyUI-RMBG",
        files: files!("remove_background.yaml"),
    },
    Shipped {
        name: "resize",
        about: "a picture in another size, without a model",
        files: files!("resize.json", "resize.yaml"),
    },
];
