"""Write the page that `dvc plots` fills, with Vega inside: DVC's own page would load it from the net."""

import argparse

import vl_convert

from sparebits.files import write_text

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>sparebits: results compared</title>
<script type="module">
{bundle}
window.dispatchEvent(new Event("vega-ready"));
</script>
<script>
// DVC's plots call vegaEmbed at once, while the bundle, a module, comes later: keep the calls until then.
const waiting = [];
window.vegaEmbed = (...call) => waiting.push(call);
window.addEventListener("vega-ready", () => waiting.forEach((call) => window.vegaEmbed(...call)));
</script>
<style>body { font-family: sans-serif; margin: 2rem; }</style>
</head>
<body>
{plot_divs}
</body>
</html>
"""


def main(arguments: argparse.Namespace) -> None:
    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;").replace("</script", "<\\/script")
    write_text(arguments.output, PAGE.replace("{bundle}", bundle))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", required=True, help="page to write (.html)")
    main(parser.parse_args())
