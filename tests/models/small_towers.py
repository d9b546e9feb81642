"""Towers and heads as a user makes them, small."""

import keras

SHAPE = (40, 28, 3)


def small_tower(name="mobilenetv2_0.35_96", shape=SHAPE, strides=4, channels=6, scaling=True, frozen=()):
    """Convolution and batch normalization, nested in a model that scales, of which some layers may be frozen."""
    inside = keras.Input(shape)
    maps = keras.layers.Conv2D(channels, 5, strides=strides, activation="relu", name="conv")(inside)
    maps = keras.layers.BatchNormalization(name="bn")(maps)
    maps = keras.layers.DepthwiseConv2D(3, padding="same", name="depthwise")(maps)
    backbone = keras.Model(inside, maps, name="backbone")
    for each in frozen:
        backbone.get_layer(each).trainable = False
    image = keras.Input(shape)
    scaled = keras.layers.Rescaling(2.0, offset=-1.0)(image) if scaling else image
    return keras.Model(image, backbone(scaled), name=name)


def small_head(maps, name="products", activation="softmax", classes=2, inputs=2, **options):
    """A dense layer on the products of two maps."""
    sides = [keras.Input(maps) for _ in range(inputs)]
    flat = keras.layers.Flatten()(keras.layers.Multiply()(sides[:2]))
    return keras.Model(sides, keras.layers.Dense(classes, activation=activation, **options)(flat), name=name)


def give_statistics(tower, rng):
    """Makes the averages of the batch normalization others than those it begins with."""
    layer = tower.get_layer("backbone").get_layer("bn")
    layer.set_weights([rng.uniform(0.5, 1.5, each.shape) for each in layer.get_weights()])
