/** The version of this program, daemon and command line alike. */
export const skepVersion = "0.1.0";
