"""One page a system, in one file that needs no server and no network: what was found, frame by frame, beside its nulls.

`sample` chooses the frames that a page can hold, with their structures; `sections/` has what a page shows, each part
in one module and one line of `registry`; `build` puts them into one HTML file. `vendor/` has the libraries that draw in
the browser, with their licences.
"""
