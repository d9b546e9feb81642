"""The three architectures: their published sizes, and what they compute against SPEC section 3 in NumPy."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import oracle
from tests.keras_settings import image_data_format
from tfnxc.models import BUILDERS, split
from tfnxc.serving import export_model

SMALL = {"input_shape": (40, 28, 3), "filters": (3, 4), "units": 8}

TOWER = {
    "stage1_conv": (156, 56, 20),
    "stage1_pool": (78, 28, 20),
    "stage2_conv": (74, 24, 25),
    "stage2_pool": (37, 12, 25),
}


AHMED_SIDE = {
    "summary": (37, 12, 25),
    "across": (35, 10, 25),
    "pool": (18, 5, 25),
    "flat": (2250,),
}
AHMED_HEAD = {
    **{f"{name}_{side}": shape for side in ("probe", "gallery") for name, shape in AHMED_SIDE.items()},
    "join": (4500,),
    "features": (500,),
    "logits": (2,),
    "probabilities": (2,),
}


def branch(name):
    return {
        f"{name}_summary": (37, 12, 25),
        f"{name}_across": (35, 10, 25),
        f"{name}_pool": (17, 5, 25),
        f"{name}_flat": (2125,),
        f"{name}_dense": (500,),
    }


NORMXCORR_HEAD = {**branch("norm_xcorr"), "features": (500,), "logits": (2,), "probabilities": (2,)}
FUSED_HEAD = {
    **branch("neighborhood"),
    **NORMXCORR_HEAD,
    "join": (1000,),
    "features": (1000,),
}

PUBLISHED = {  # builder, arguments, parameters, shapes of the head
    "ahmed": ("ahmed", {}, 2_308_147, AHMED_HEAD),
    "ahmed 5x12": ("ahmed", {"search_size": (5, None)}, 2_351_897, AHMED_HEAD),
    "normxcorr": ("normxcorr", {}, 1_121_222, NORMXCORR_HEAD),
    "normxcorr 5x5": ("normxcorr", {"search_size": (5, 5)}, 1_099_347, NORMXCORR_HEAD),
    "fused": ("fused", {}, 2_222_147, FUSED_HEAD),
}


@functools.cache
def published(variant):
    builder, arguments, _, _ = PUBLISHED[variant]
    return BUILDERS[builder](**arguments)


def images(rng, batch=3, shape=SMALL["input_shape"]):
    return [rng.uniform(size=(batch, *shape)).astype("float32") for _ in range(2)]


def weighted_layers(model):
    return [layer for part in split(model) for layer in part.layers if layer.get_weights()]


every_builder = pytest.mark.parametrize("builder", BUILDERS)


@pytest.mark.parametrize("variant", PUBLISHED)
def test_parameters_and_shapes_are_the_published_ones(variant, keras_seed):
    model = published(variant)
    _, _, parameters, head_shapes = PUBLISHED[variant]
    assert model.count_params() == parameters
    assert [tuple(each.shape) for each in model.inputs] == [(None, 160, 60, 3)] * 2
    assert [each.name for each in model.inputs] == ["probe", "gallery"]
    for part, shapes in zip(split(model), (TOWER, head_shapes), strict=True):
        for name, shape in shapes.items():
            assert tuple(part.get_layer(name).output.shape) == (None, *shape), name


@pytest.mark.parametrize("variant", BUILDERS)  # the variant that bears the builder's name is its default
def test_weights_start_uniform_in_one_over_the_root_of_the_fan_in(variant, keras_seed):
    biases = []
    for layer in weighted_layers(published(variant)):
        kernel, bias = layer.get_weights()
        limit = 1 / np.sqrt(np.prod(kernel.shape[:-1]))
        assert np.abs(kernel).max() <= limit, layer.name
        assert abs(kernel.std() / (limit / np.sqrt(3)) - 1) < 4 / np.sqrt(kernel.size), layer.name
        assert abs(kernel.mean()) < 4 * limit / np.sqrt(3 * kernel.size), layer.name
        biases.extend(bias / limit)
    assert np.abs(biases).max() <= 1
    assert abs(np.std(biases) * np.sqrt(3) - 1) < 0.1


@every_builder
def test_he_starts_normal_in_two_over_the_fan_in_and_biases_at_0(builder, keras_seed):
    model = BUILDERS[builder](**{**SMALL, "units": 64}, initializer="he")
    assert model.count_params() == BUILDERS[builder](**{**SMALL, "units": 64}).count_params()
    standardized = []
    for layer in weighted_layers(model):
        kernel, bias = layer.get_weights()
        fan_in = np.prod(kernel.shape[:-1])
        standardized.append(kernel.ravel() * np.sqrt(fan_in / 2))
        assert abs(standardized[-1].std() - 1) < 5 / np.sqrt(2 * kernel.size), layer.name
        assert not bias.any(), layer.name
    values = np.concatenate(standardized)
    assert abs(values.mean()) < 5 / np.sqrt(values.size)
    # A normal one is cut at two of its deviations before it is scaled to this one, of which the cut one has 0.88.
    assert 2 < np.abs(values).max() < 2 / 0.87
    assert len(model.losses) == 2 * len(weighted_layers(model))  # the penalty is that of any initializer


@every_builder
def test_centred_is_published_with_the_scaling_folded_into_the_first_convolution(builder, keras_seed, rng):
    published, centred = (BUILDERS[builder](**SMALL, scaling=scaling) for scaling in ("published", "centred"))
    assert centred.count_params() == published.count_params()
    centred.set_weights(published.get_weights())
    pair = images(rng)
    assert np.abs(centred(pair) - published(pair)).max() > 1e-5
    kernel, bias = (first := split(published).tower.get_layer("stage1_conv")).get_weights()
    first.set_weights([2 * kernel, bias - 0.8 * kernel.sum(axis=(0, 1, 2))])
    np.testing.assert_allclose(centred(pair), published(pair), atol=1e-5)


@pytest.mark.parametrize("option", ["scaling", "initializer"])
@every_builder
def test_names_of_options_that_are_not_known_are_refused(builder, option):
    known = {"scaling": "published, centred", "initializer": "published, he"}[option]
    with pytest.raises(ValueError, match=f"{option} must be one of {known}; got 'magic'"):
        BUILDERS[builder](**SMALL, **{option: "magic"})


@every_builder
def test_a_centred_model_is_saved_and_exported_with_its_scaling(builder, keras_seed, rng, tmp_path):
    model = BUILDERS[builder](**SMALL, scaling="centred", initializer="he")
    pair = images(rng)
    expected = model(pair).numpy()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(loaded(pair), expected, atol=1e-6)
    tower, head = split(loaded)
    np.testing.assert_allclose(head([tower(image) for image in pair]), expected, atol=1e-6)
    path = export_model(model, tmp_path / "served")
    match = tf.saved_model.load(str(path)).signatures["serving_default"]
    probe, gallery = map(tf.constant, pair)
    np.testing.assert_allclose(match(probe=probe, gallery=gallery)["probabilities"], expected, atol=1e-5)


@every_builder
def test_towers_are_tied_and_other_layers_are_not(builder, keras_seed):
    model = BUILDERS[builder](**SMALL)
    tower, head = split(model)
    assert model.count_params() == tower.count_params() + head.count_params()
    assert len(model.trainable_weights) == len(tower.weights) + len(head.weights)
    kernels = [layer.get_weights()[0] for layer in weighted_layers(model)]
    for i, kernel in enumerate(kernels):
        for other in kernels[:i]:
            assert kernel.shape != other.shape or np.abs(kernel - other).max() > 0.01


@pytest.mark.parametrize(("options", "share"), [({}, 5e-4), ({"l2": 0.01}, 0.01)], ids=["published", "another"])
@every_builder
def test_penalty_adds_a_share_of_every_weight_to_its_gradient(builder, options, share, keras_seed):
    model = BUILDERS[builder](**SMALL, **options)
    with tf.GradientTape() as tape:
        penalty = tf.add_n(model.losses)
    gradients = tape.gradient(penalty, model.trainable_weights)
    for weight, gradient in zip(model.trainable_weights, gradients, strict=True):
        np.testing.assert_allclose(gradient, share * weight.numpy(), rtol=1e-5, err_msg=weight.name)


@every_builder
def test_no_penalty(builder, keras_seed):
    assert not BUILDERS[builder](**SMALL, l2=0).losses


# SPEC section 3 in NumPy.


def relu(maps):
    return np.maximum(maps, 0)


def convolve(maps, layer):
    kernel, bias = layer.get_weights()
    patches = np.lib.stride_tricks.sliding_window_view(maps, kernel.shape[:2], axis=(1, 2))
    return np.einsum("bijcuv,uvcf->bijf", patches, kernel) + bias


def pool(maps, up=False):
    odd = [size % 2 for size in maps.shape[1:3]]
    if up:
        maps = np.pad(maps, [(0, 0), (0, odd[0]), (0, odd[1]), (0, 0)], constant_values=-np.inf)
    batch, height, width, channels = maps.shape
    maps = maps[:, : height // 2 * 2, : width // 2 * 2]
    return maps.reshape(batch, height // 2, 2, width // 2, 2, channels).max(axis=(2, 4))


def connect(features, layer):
    kernel, bias = layer.get_weights()
    return features.reshape(len(features), -1) @ kernel + bias


def naive_tower(image, tower):
    for stage in ("stage1_conv", "stage2_conv"):
        image = pool(relu(convolve(image, tower.get_layer(stage))))
    return image


def naive_branch(maps, name, layer):
    maps = relu(convolve(relu(maps), layer(f"{name}_summary")))
    return connect(pool(convolve(maps, layer(f"{name}_across"))), layer(f"{name}_dense"))


def naive_normxcorr(x, y, layer):
    return relu(naive_branch(oracle.norm_xcorr(x, y), "norm_xcorr", layer))


def naive_fused(x, y, layer):
    both = [oracle.cross_input_neighborhood(x, y), oracle.cross_input_neighborhood(y, x)]
    branches = [
        naive_branch(oracle.norm_xcorr(x, y), "norm_xcorr", layer),
        naive_branch(np.concatenate(both, axis=-1), "neighborhood", layer),
    ]
    return relu(np.concatenate(branches, axis=-1))


def naive_ahmed(x, y, layer):
    sides = []
    for side, pair in (("probe", (x, y)), ("gallery", (y, x))):
        # The 5x5 convolution with stride 5 sees one neighborhood a position.
        differences = relu(oracle.cross_input_neighborhood(*pair)).reshape(*x.shape, 5, 5)
        kernel, bias = layer(f"summary_{side}").get_weights()
        summary = relu(np.einsum("bijcuv,uvcf->bijf", differences, kernel) + bias)
        maps = pool(convolve(summary, layer(f"across_{side}")), up=True)
        sides.append(maps.reshape(len(maps), -1))
    return relu(connect(np.concatenate(sides, axis=-1), layer("features")))


NAIVE = {"ahmed": naive_ahmed, "normxcorr": naive_normxcorr, "fused": naive_fused}


@every_builder
def test_model_equals_the_architecture_in_numpy(builder, keras_seed, rng):
    model = BUILDERS[builder](**SMALL)
    tower, head = split(model)
    pair = images(rng)
    features = NAIVE[builder](*(naive_tower(image, tower) for image in pair), head.get_layer)
    logits = connect(features, head.get_layer("logits"))
    expected = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    assert np.ptp(expected[:, 0]) > 1e-4  # or any constant would do
    np.testing.assert_allclose(model(pair), expected, atol=1e-5)


@every_builder
def test_nothing_rectifies_what_the_head_pools(builder, keras_seed, rng):
    """No ReLU follows the 3x3 convolutions: a bias far below zero comes through."""
    head = split(BUILDERS[builder](**SMALL)).head
    for layer in head.layers:
        if "_across" in layer.name or layer.name.startswith("across_"):
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, bias - 100])
    maps = [rng.uniform(size=(3, *each.shape[1:])).astype("float32") for each in head.inputs]
    pools = [layer for layer in head.layers if isinstance(layer, keras.layers.MaxPooling2D)]
    assert len(pools) == (1 if builder == "normxcorr" else 2)
    for layer in pools:
        assert np.max(keras.Model(head.inputs, layer.output)(maps)) < -50


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
@every_builder
def test_probabilities_are_float32_and_sum_to_one(builder, policy, keras_seed, rng):
    reference = BUILDERS[builder](**SMALL)
    pair = images(rng)
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(policy)
    try:
        model = BUILDERS[builder](**SMALL)
    finally:
        keras.mixed_precision.set_global_policy(before)
    model.set_weights(reference.get_weights())
    found = model(pair)
    assert found.dtype == model.dtype_policy.variable_dtype == "float32"
    assert split(model).tower.get_layer("stage2_conv").compute_dtype == policy.removeprefix("mixed_")
    np.testing.assert_allclose(np.sum(found, axis=-1), 1, atol=1e-6)
    np.testing.assert_allclose(found, reference(pair), atol=1e-2)


@every_builder
def test_inputs_go_by_position_and_by_name(builder, keras_seed, rng):
    model = BUILDERS[builder](**SMALL)
    probe, gallery = images(rng)
    expected = model([probe, gallery]).numpy()
    assert np.abs(expected - model([gallery, probe])).max() > 1e-5
    for named in ({"probe": probe, "gallery": gallery}, {"gallery": gallery, "probe": probe}):
        np.testing.assert_allclose(model(named), expected, atol=1e-6)
        np.testing.assert_allclose(model.predict(named, verbose=0), expected, atol=1e-6)
    np.testing.assert_allclose(model.predict([probe, gallery], verbose=0), expected, atol=1e-6)


@every_builder
def test_fit_lowers_the_loss_and_moves_every_weight(builder, keras_seed, rng):
    model = BUILDERS[builder](**SMALL, l2=0)
    before = model.get_weights()
    model.compile(keras.optimizers.SGD(0.05), "sparse_categorical_crossentropy")
    losses = model.fit(images(rng, batch=8), np.arange(8) % 2, batch_size=8, epochs=2, verbose=0).history["loss"]
    assert losses[1] < losses[0]
    for weight, old in zip(model.get_weights(), before, strict=True):
        assert np.abs(weight - old).max() > 0


@pytest.mark.parametrize(
    "arguments",
    [
        {"input_shape": (28, 28, 3)},
        {"input_shape": (50, 37, 1), "search_size": (3, 3)},
        {"input_shape": (64, 32, 4), "search_size": (1, None), "filters": (2, 3)},
        {"input_shape": (40, 28, 3), "search_size": (7, 9), "filters": (5, 1), "units": 3},
    ],
    ids=str,
)
@every_builder
def test_other_sizes_build_and_run(builder, arguments, keras_seed, rng):
    model = BUILDERS[builder](**{**SMALL, **arguments})
    found = model(images(rng, shape=arguments["input_shape"]))
    assert found.shape == (3, 2)
    np.testing.assert_allclose(np.sum(found, axis=-1), 1, atol=1e-6)


def test_fused_takes_the_two_windows_apart(keras_seed):
    head = split(BUILDERS["fused"](**SMALL, search_size=(3, 5), neighborhood_size=(3, None))).head
    assert tuple(head.get_layer("norm_xcorr_summary").kernel.shape) == (1, 1, 4 * 3 * 5, 4)
    assert tuple(head.get_layer("neighborhood_summary").kernel.shape) == (1, 1, 2 * 4 * 3 * 4, 4)


@pytest.mark.parametrize("input_shape", [(27, 28, 3), (28, 27, 3), (28, 28), (28, None, 3), (160, 60, 3, 1)], ids=str)
@every_builder
def test_images_that_are_too_small_or_no_images_are_refused(builder, input_shape):
    with pytest.raises(ValueError, match=r"input_shape must be .*at least 28; got \(") as refused:
        BUILDERS[builder](input_shape=input_shape)
    assert str(input_shape) in str(refused.value)


@every_builder
def test_keras_setting_of_the_channels_changes_nothing(builder, keras_seed, rng, tmp_path):
    model, pair = BUILDERS[builder](**SMALL), images(rng)
    model.save(tmp_path / "model.keras")
    with image_data_format("channels_first"):
        other, loaded = BUILDERS[builder](**SMALL), keras.models.load_model(tmp_path / "model.keras")
        other.set_weights(model.get_weights())
        for each in (other, loaded):
            np.testing.assert_allclose(each(pair), model(pair), atol=1e-6)
        with pytest.raises(ValueError, match=r"input_shape must be \(height, width, channels\), .*got \(3, 40, 28\)"):
            BUILDERS[builder](input_shape=(3, 40, 28))


@every_builder
def test_sizes_may_be_numpy_integers(builder, keras_seed, tmp_path):
    sizes = {name: np.array(value) for name, value in SMALL.items() if name != "units"}
    model = BUILDERS[builder](**sizes, units=np.int64(8), search_size=np.array([3, 5]), l2=np.float32(0.5))
    expected = BUILDERS[builder](**SMALL, search_size=(3, 5), l2=0.5)
    assert [part.to_json() for part in split(model)] == [part.to_json() for part in split(expected)]
    model.save(tmp_path / "model.keras")
    assert keras.models.load_model(tmp_path / "model.keras").count_params() == expected.count_params()


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"filters": (3, 4.5)}, "filters must be a whole number, 1 or above, received 4.5"),
        ({"filters": (0, 4)}, "filters must be a whole number, 1 or above, received 0"),
        ({"filters": (3,)}, r"filters must be two numbers, one for each stage of the tower; got \(3,\)"),
        ({"units": 0}, "units must be a whole number, 1 or above, received 0"),
    ],
)
@every_builder
def test_sizes_that_are_none_are_refused(builder, sizes, message):
    with pytest.raises(ValueError, match=message):
        BUILDERS[builder](**{**SMALL, **sizes})
