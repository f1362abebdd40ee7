"""Rotation, zoom, shift and mirroring as one keras-cv layer; keras-cv is imported here and nowhere else."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import keras
import keras_cv
import tensorflow as tf

if TYPE_CHECKING:
    from training.augment import Geometry


class RandomPlacement(keras_cv.layers.VectorizedBaseImageAugmentationLayer):
    """Lays each image (batch, side, side, channels) elsewhere on its square, in its own way; black beyond its edge.

    keras-cv has a layer for each of the four changes; in a row they interpolate three times, which blurs, and cost a
    training step several times what one transform does.
    """

    def __init__(self, geometry: Geometry, **options: Any) -> None:
        super().__init__(**options)
        self.geometry = geometry

    def get_random_transformation_batch(self, batch_size: Any, **_: Any) -> Any:
        """(batch, 6): two rows of the transform from the moved picture to the one it is made of, about the centre.

        Offsets are in units of the side, so that one transformation fits pictures of any size.
        """
        draw, geometry = self._random_generator.uniform, self.geometry

        def within(limit: float) -> Any:
            return draw((batch_size,), -limit, limit)

        angle, scale = 2 * math.pi * within(geometry.rotation), 1 / (1 + within(geometry.zoom))
        mirror = tf.where(draw((batch_size,)) < geometry.flip, -1.0, 1.0)
        cosine, sine = tf.cos(angle) * scale, tf.sin(angle) * scale
        right, down = within(geometry.shift), within(geometry.shift)
        return tf.stack([cosine * mirror, -sine, right, sine * mirror, cosine, down], axis=1)

    def augment_images(self, images: Any, transformations: Any, **_: Any) -> Any:
        """The images 0..255 of any type, moved: float32 of the same shape, 0..1."""
        side = images.shape[1]
        centre = (side - 1) / 2
        a, b, right, c, d, down = tf.unstack(transformations[:, :6], axis=1)
        across = right * side + centre - a * centre - b * centre
        along = down * side + centre - c * centre - d * centre
        none = tf.zeros_like(a)
        pixels = tf.stack([a, b, across, c, d, along, none, none], axis=1)
        moved = keras.ops.image.affine_transform(tf.cast(images, tf.float32), pixels, data_format="channels_last")
        return tf.clip_by_value(moved / 255.0, 0.0, 1.0)

    def augment_segmentation_masks(self, segmentation_masks: Any, transformations: Any, **_: Any) -> Any:
        """Masks 0..255 of any size moved as their images are: float32, 0..1."""
        return self.augment_images(segmentation_masks, transformations)
