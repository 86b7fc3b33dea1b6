import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";

// As the code of commit a31eae1 wrote it: a log of 33 entries, the first 12 compacted, "secret TERM.INDEX" in each, of terms 1 (up to 30),
// 2 (31, 32) and 3; hard state term 3, vote 8, commit 32; and a snapshot of entry 12, "secret state up to entry 12".
const packed =
  "H4sIAAAAAAACA5VWXXPiOhL9L7xm544DJmFSdR9aH7ZlkIn8AbbfwIAMNhhiiAy39r9vSSTM7L6tqnCJ06f7nG5wSf/06kb+LLey/KEW5/VH760H3wvTYzQaDXr/Mhz9sfQa/lWvlr23XlUKAYhCLsAHIRGQkY9D8DHKEIhqQkQpIA3pKDnf8nlwzVMheWR3GCoAiQBHDE0EECzaMICrvbJGqRNZGZfSB+AgRLWFyAIkqgmNLD7w1NO6TM4u4QwLoECZzyQ9AxQ+7uiZjFH/FFqzSSgtrYEEIl8avtaYiGv9GbxetUYgtEYGIdw1sLprLDefLz7SGpnW8IAmXxrWXcNXv9RRaI2B1sCA3C+N9y+NbmcvN05kwZQ8K80JVXWCOAGq+4gT/llORh9d8uySSmuMgUqflXpuBaJfPhK3LuwuOXuEmhpYIR9HHE0kzIyOVDvsua9uZJc3kBxo4zNFL4D0LJIL9v3Ta1hdXMIYDosAwqrPFPBAAG3DamdmGBZTCFuDW7hb+gYXGn+H0DL4fpsMoNR4onEB4cjgWe6xgeFnGg8hoga3Z5CdDF5oPIKIG/w9caaTTuNS4zFEicFJ4/G+qV9pPIGoMPgw+OgPy2RHCVOAaFokBXMEPQbbFsgkz09em487qf9LqSPpR7DlQHwPXuwmZ1dnr2c5ibMdwLXfP7WNG/GMK+k7nUSTm8Y7uqU+cSNe5lLmEN/9W58JKX/3u4D47n+mVD8oqx2bZ8xV9Nnowfu5XNAvPYUCU/c2L6/+9qvuCuL73FGapdevfE/SV5MfpJekZDPWqRsH7W2EohvbAQLcnSw4KGuHCbvwq7PGGFBMjO+MvCBq+pHge3OJ4sje6bcVib6/pLXFMPlcP088kMXqXSaLpRgeHagOgGzHjWCTktt1qJjnxcoh0irDbQEM2R/Tkd/pnGltH8CtOEV90m/qOcptmDr2EQAKFFbSc8an9iAw6qw+EnZQRMMBuPVPhlp/Eda5rhE49gEAFprvnmXODq3mXzU/wsMpuAfFUK2e3LrQfH7nZ4Y/dllysDX/8uCzumRo421uI1fzJ3f+XPOdMntH2Pg5PfgAMxNbvl5ixXWs0TEWmbzExNyn9QpTHds/YuM6Z4hb6WrEtY5/14k0n16S8xAbX9uHzviQMOQEt/HI13x25wvD96+jGpu+1w8+r1MPnoAd0qHmR6L69jRFCRSkdqL4bHKOtrTKybaA64oJstnf0KZziu3+F4n4ZSwACMyEB6pRt9e1rjXOs3utaf3uwfkGfnoz+Hz0rTFGiV3gk68+zqbvYwR3jZeiKbA4hcNNZnAm7jiAdOJSsf6Tt34G5nni8EIievEVOral8j7Dxe3jjod3HADJ2dSDvM2b7VTr40Vz10dLwEg5HduQk9A5e/LIAZ0jZr9+bicmZ6a+PRMUFQVYtpW8GG9+8PDGHL9T+GCFTWk8VNOvej7BEgUvya5R4DtzC72LZEDCwn8KFWJD//SaRuMRT0axBwgAeaAAKpEAAGcA4JjzL5kcj0fgJOM+TmIKsCUI6oGgAK0veV4SshOg31eKeejCFmSF9ZuIBRpOOGsoHVMKDuwhARcxBLDNJaAx3cmDghJcCS5lc8GAwQEsljEQJ4F2UqBcQSWA1RQYktoM2pojWaGfN0YtwIzk+7pdubPrZN/Vq/2szV12EYfZcemFx2Xlt8v+r3P4xeEna7xQpitknv6OqsIGLIIzxNbjyD9Bc98I/SDPA76ZHUSrLNmm8P8sZ/MqWVutks3yf+8PL3/Vjey99Z7lUxbpSSf27zzTK/Vz8UBKR9HvPVmX3kWlQZ0N/HqF4TbZ8RsIp/HEN4f/WQgAP+4y/W499v7wgpMwpEHce+vFiTONktxJnsWZE1CcgIXl33//QeYQMIdG8Q/Tgd17680+9/YTUgCCLpburJ/PuyrbDvE6DetVv77lSfC5TFFZ7B1rORg/TwE7YwEIZKZvNx6ilgcwXxPk1L/bp/Cuvvf1n7+MNtMeFse2bM7tfY7fq/jxX1+f//rm9d56iXWO48oRnJj57N+HP7NaSU6BLpBoELpKYGXFUMec5f5XlcfFguzoNbjaarKDC4+bK78VA+Ota2KSHh93uWIQlis3kasU5ModmYFjlHbh0q+Xh/C6jqDjBiX7o5ONev/+DxuwrMFtCgAA";

/** Writes a raft folder of format 1, in the clear: `log/` and `snapshots/`. */
export function writeRaftFolderOfFormat1(folder: string): void {
  const files = JSON.parse(gunzipSync(Buffer.from(packed, "base64")).toString()) as object;
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), Buffer.from(String(content), "base64"), { mode: 0o600 });
  }
}
